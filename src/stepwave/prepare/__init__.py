"""Offline work: from texts, voices and recordings to the records that training reads."""
