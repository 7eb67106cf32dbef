"""Probes: models of a frozen potential's own error."""
