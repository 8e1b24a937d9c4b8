"""Hears the world: verifies, stores, enqueues, and answers from records; holds no cluster and no Git credential."""
