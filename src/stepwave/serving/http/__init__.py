"""OpenAI's HTTP interface: chat completions, transcriptions, translations, speech, models.

`routes.py` hangs it into the application. Each `*_route.py` is thin; what a client may ask lies in `*_request.py`, what
it gets in `*_answer.py`. `docs/http-api.md` tells clients what is supported.
"""
