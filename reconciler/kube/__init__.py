"""Speaks with one cluster: requests, discovery, watches, what is owned, applying, deleting, waiting, people's intent."""
