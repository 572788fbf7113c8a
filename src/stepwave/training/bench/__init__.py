"""Training steps measured: where their time goes, and their share of what the device could do."""
