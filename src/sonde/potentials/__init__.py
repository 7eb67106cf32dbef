"""Frozen potentials: one protocol, one adapter file per package, and how far a potential is from labels."""
