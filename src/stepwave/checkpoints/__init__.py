"""Files to weights and back: find, check, read strictly, rename both ways, store. Knows nothing of training."""
