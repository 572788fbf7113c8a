"""Functions of stored texts, sounds and numbers, and the parts that help scoring: listeners, ears for voices."""
