"""Vectors of passages by a sentence model: they go with their passage, and with what it said before."""

SCRIPT = """
CREATE TABLE text_models (folder TEXT NOT NULL, identity TEXT NOT NULL, dimension INTEGER NOT NULL);
CREATE TABLE text_vectors (passage INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TRIGGER vector_deleted AFTER DELETE ON passages BEGIN
    DELETE FROM text_vectors WHERE passage = old.id;
END;
CREATE TRIGGER vector_outdated AFTER UPDATE ON passages BEGIN
    DELETE FROM text_vectors WHERE passage = old.id;
END;
"""
