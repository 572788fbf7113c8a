"""Tools that the model may call: what one is, which there are, running them. When that is, `dialogue.loop` knows."""
