"""A model whose language model runs in a vLLM server, reached over HTTP, while sessions and sound stay here.

`connect` (`engine.py`) asks the server whether it fits; `context.py` keeps conversations and reads answers; `server.py`
is the connection. Nothing here needs vLLM itself.
"""
