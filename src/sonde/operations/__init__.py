"""One file per verb: the only place that opens a project, commits, and combines rooms."""
