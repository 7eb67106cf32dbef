"""Shift of energies from one surface towards another, from structures that carry labels on both."""
