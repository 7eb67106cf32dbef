"""Training of potentials: from scratch through a trainer's own command line, with every setting recorded."""
