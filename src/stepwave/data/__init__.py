"""Records, stores and batches: everything between prepared files and a training step."""
