"""What a source takes in of its export; whether a message was edited or pinned."""

SCRIPT = """
ALTER TABLE sources ADD COLUMN access TEXT NOT NULL DEFAULT '{}';
ALTER TABLE passages ADD COLUMN edited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE passages ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
"""
