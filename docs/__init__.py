"""Documents; some pages are generated."""
