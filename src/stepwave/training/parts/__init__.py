"""Training of the parts around the language model: speech tokenizer, adaptor, flow matching, vocoder."""
