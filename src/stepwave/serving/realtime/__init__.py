"""OpenAI's Realtime protocol: what clients may send, what a conversation does with it, and the WebSocket it comes by."""
