"""Tools that ask the web: guarded requests, the weather, web search."""
