"""Synthesis engines behind one contract (`contract`), each in a file; `bank` opens a voice by its name.

A voice is named by a string, so that a manifest can hold it:

    kokoro/af_heart, kokoro/af_sky+am_adam   Kokoro, one style or the mean of two
    piper/joe, piper/joe-even                Piper's voice, as it is and with the chance taken out
    flite/slt, festival/kal_diphone, espeak/en-us+f3   small voices, installed as system packages
    stepwave/nano, stepwave/nano:emma        a model of this project, in its own or a stored voice
    openai/alloy                             an endpoint that speaks OpenAI's protocol
    piper/joe@0.9                            any of them, played lower or higher: another speaker, as it were
"""
