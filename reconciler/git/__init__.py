"""Reads Git: bare mirrors, fetches of exactly one commit, trees, changes, exports. The git command line, hardened."""
