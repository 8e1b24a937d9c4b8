"""Makes documents out of a tree: plain YAML and Kustomize, in killable children with limits, no credentials and no network."""
