"""Reads Repositories and Applications: one schema, from a directory of files; every mistake named by file, line and field."""
