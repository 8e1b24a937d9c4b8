"""Runs the work: queues, leases, retries, timers, records, forge clients."""
