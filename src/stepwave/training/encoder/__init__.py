"""Pre-training of the audio encoder on what is said, who says it, and what else is heard (report 3.1)."""
