"""When a person's turn begins and ends: `settings.py` reads what a client asked for, `detector.py` listens."""
