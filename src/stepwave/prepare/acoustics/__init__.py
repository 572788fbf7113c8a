"""What is heard in a recording, and records that ask for it: measured voices, mixed scenes, captions, questions.

`voice_measures` and `syllables` measure speech, `bands` holds the words for what was measured; `mixing`, `rooms` and
`sounds` make scenes of which everything is known; `questions`, `narration` and `aspects` write about them. The steps
are `measure`, `scenes` and `captions`. Nothing here listens: what no measure, recipe or corpus tells stays unknown.
"""
