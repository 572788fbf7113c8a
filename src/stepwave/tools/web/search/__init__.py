"""Web search: what a search engine is, three of them, which one is used, and what a model is told of their results."""
