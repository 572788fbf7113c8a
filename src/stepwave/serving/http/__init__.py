"""OpenAI's HTTP interface: chat completions, transcriptions, translations, speech, models."""
