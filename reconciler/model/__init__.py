"""The values that travel between rooms; the functions that make them live in those rooms."""
