"""Talking with a model: loading it, its prompts and voices, sessions of several turns, transcribing, reading aloud.

Knows nothing of files to write, terminals or servers; those call `loading.load` and use what it returns.
"""
