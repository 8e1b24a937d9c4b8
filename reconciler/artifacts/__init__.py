"""What lies outside Git and is rendered as if it did not: charts of Helm repositories and registries, and OCI artifacts."""
