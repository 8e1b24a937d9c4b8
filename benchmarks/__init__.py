"""Figures that anyone can measure again: `make bench`, or `make bench ONLY=intake`."""
