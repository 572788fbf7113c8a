"""Sound as numbers: reading, writing, resampling, mel spectrograms, Kaldi features, 25 s pieces, silence.

Knows rates and errors from `facts`, and no model. Nothing is imported here, so that reading a file needs no torch.
"""
