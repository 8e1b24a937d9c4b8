"""Records in Redis: jobs, applications, heads. They may be lost; the cluster and Git hold the truth."""
