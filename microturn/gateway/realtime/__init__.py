"""The OpenAI Realtime dialect of a live session: a pure codec over its timeline, and the WebSocket that carries it."""
