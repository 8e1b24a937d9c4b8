"""Reads YAML and JSON as kubectl does, with the file and line of every document and mistake, and within bounds that bombs do not pass."""
