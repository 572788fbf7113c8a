"""The weather: which place, which day, what the service tells, and the tool that puts them together."""
