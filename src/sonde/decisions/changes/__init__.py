"""Values that change in a repository: parsed from each version of a file and compared by key; one file per format."""
