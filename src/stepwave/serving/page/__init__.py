"""The page to talk to the model: static files that speak the Realtime protocol, and the route that gives them out."""
