"""Scripts: what is to be said, by whom and how, before anybody has said it.

    scripts        conversations, from our own grammars or from an endpoint that serves a language model
    rewrite        written conversations made fit to be spoken, by the endpoint or by rules
    translations   parallel sentences as speech translation in its three kinds
    texts          plain sentences as `asr` and `tts`, running text as `interleaved` monologues

A script is a record of its final kind whose spoken turns have no clip yet. Voices and sound are not given here, nor is
the instruction that names the task: that belongs to training.
"""
