"""Passages are read again for what they mention: criteria of active learning and of validation are known since."""

SCRIPT = """
DELETE FROM mentions;
DELETE FROM entities;
DELETE FROM unread;
UPDATE read_until SET passage = 0;
DELETE FROM linked;
"""
