"""The networks: plain PyTorch modules built from a frozen config. They know nothing of files and sessions."""
