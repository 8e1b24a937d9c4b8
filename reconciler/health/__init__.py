"""Says how an object is, from the object alone. Pure."""
