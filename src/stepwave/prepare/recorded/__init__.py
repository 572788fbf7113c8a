"""From recordings to checked training records: cut, transcribe, filter, then make the kinds that the model learns from.

    segment -> transcribe -> (transcribe again, by somebody else) -> filter -> interleave, tasks

Every step reads a manifest and writes one. Sounds are referred to where they lie and not copied, unless a step is asked
to or the recording is too long to be opened as a whole by those who come later.
"""
