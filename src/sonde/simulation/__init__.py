"""Molecular dynamics with a frozen potential, and what can go wrong in it."""
