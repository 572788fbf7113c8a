"""Optimisation: experiments, their losses, and the trainer that runs, saves and resumes them."""
