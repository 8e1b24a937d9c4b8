"""The holder of one cluster: the one place from which it is read and written, as long as the lease is ours."""
