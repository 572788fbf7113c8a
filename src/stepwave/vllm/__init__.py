"""Serving the language model with vLLM: a plug-in, folders it opens, and what reads such servers' answers.

Only `plugin`, `config`, `processing`, `model` and `pattern` need vLLM; the rest imports without it. Flow matching and
vocoder do not run there: the server writes speech tokens, and making sound of them is the client's business. Our own
server can be that client: `remote` is an engine for its sessions.
"""
