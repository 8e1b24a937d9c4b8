"""What a controller manager and a kubelet would do: workloads roll, claims bind, orphans and namespaces go."""
