"""From a table of recordings to a model of one's own in one command."""
