"""The sandbox cluster: a Kubernetes API in one process, for trying Trueup out and for fast tests. It runs no container."""
