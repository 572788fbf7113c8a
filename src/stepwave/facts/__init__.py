"""What every room may know: rates and lengths, the special-token table, conversations, events, errors, the registry.

Nothing here imports torch, reads a file or knows a model; the other rooms build on it and it builds on none of them.
"""
