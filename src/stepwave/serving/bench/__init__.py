"""Measuring a speech server as people would use it: simulated speakers, what they wait for, what the server holds."""
