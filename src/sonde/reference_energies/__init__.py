"""Reference energies per element: fitted to labels, or those of isolated atoms."""
