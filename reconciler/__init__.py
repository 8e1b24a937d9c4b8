"""Makes a cluster match Git; knows no queue and no HTTP server."""
