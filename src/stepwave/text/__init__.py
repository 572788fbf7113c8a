"""Text and token ids: tokenizer, chat template, text/speech interleaving, tool-call markup, tool lists, task prompts.

Nothing here knows a model, computes features or keeps a session; a prompt comes out as ids plus the pieces of sound
that belong to its placeholders.
"""
