"""Building blocks of the models, which know nothing of what they are used for: attention, rotary, convolutions."""
