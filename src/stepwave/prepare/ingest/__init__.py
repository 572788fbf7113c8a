"""Reading corpora of the field into manifests: the registry of corpora, a reader per published layout, the step.

`corpora` declares what is known, the readers turn a folder into `entries` without opening a single recording, and
`step` listens to each of them. Nothing is downloaded here: a corpus lies on disk, or is a data set of the Hugging Face
hub that `hub` reads.
"""
