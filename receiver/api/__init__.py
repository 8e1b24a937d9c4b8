"""The API: records as JSON, and requests that become jobs."""
