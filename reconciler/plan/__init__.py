"""Decides: what is desired, what is owned, what differs, in which order, and what may be deleted. Pure."""
