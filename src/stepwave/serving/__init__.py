"""A speech server: OpenAI's HTTP and Realtime protocols and a page, on one port, in one process with the model.

`app.py` puts it together, `turns.py` runs the model away from the event loop, `service.py` is what all routes share.
"""
