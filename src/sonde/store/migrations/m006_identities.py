"""Names, addresses and user names by which sources call people, so that one person is known in all of them."""

SCRIPT = """
CREATE TABLE identities (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    handle TEXT
);
CREATE INDEX identities_by_source ON identities (source);
"""
