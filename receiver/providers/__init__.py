"""Understands webhooks without I/O: headers and bytes in, an event out. One file a provider."""
