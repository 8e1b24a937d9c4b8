"""The front door: the command line, everything in one process, and the sandbox cluster."""
