"""Speaks with forges: one file a forge, all behind `forge.Forge`."""
