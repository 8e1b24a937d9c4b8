"""The way of a sync: source, documents, manifests, plan, apply, health, prune. Knows every room; none knows it."""
