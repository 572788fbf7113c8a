"""A page about manifests: figures over all of their records, and a random sample to be read and listened to.

`figures` counts, `errors` holds the error of the listening check, `accounts` reads what the steps reported, `sample`
draws, `survey` does all of it in one pass; `charts`, `sections`, `sounds`, `spectrogram` and `conversations` write the
parts of the page, and `page` puts them together. Changing or judging records is the business of other steps.
"""
