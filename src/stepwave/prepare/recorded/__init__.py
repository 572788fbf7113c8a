"""From recordings to checked training records: cut, transcribe, filter, then make the kinds that the model learns from.

    segment -> transcribe -> (transcribe again, by somebody else) -> filter -> interleave, tasks

Every step reads a manifest and writes one. Sounds are referred to where they lie and not copied, unless `segment` is
asked to or finds a long one where nobody can seek.
"""
