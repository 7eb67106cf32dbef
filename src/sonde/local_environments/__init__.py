"""Local environments: neighbours, density descriptors, contacts, nearest environments, principal components."""
