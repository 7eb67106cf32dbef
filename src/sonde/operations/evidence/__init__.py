"""Gathering evidence for a diagnosis: each file measures one kind of it from the rooms' functions."""
