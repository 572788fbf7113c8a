"""OpenAI's Realtime protocol: what clients may send, what comes of it, and the WebSocket it travels by."""
