"""What passages and changes were linked with, so that later ones are linked without all that was linked before.

Where a passage goes or is revised this is forgotten, and all is linked again: what it said is not kept for it.
"""

SCRIPT = """
CREATE TABLE linked (standing TEXT NOT NULL);
CREATE TRIGGER linked_deleted AFTER DELETE ON passages BEGIN
    DELETE FROM linked;
END;
CREATE TRIGGER linked_outdated AFTER UPDATE ON passages BEGIN
    DELETE FROM linked;
END;
"""
