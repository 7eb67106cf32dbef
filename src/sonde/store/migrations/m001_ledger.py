"""The first ledger."""

SCRIPT = """
CREATE TABLE sources (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    added TEXT NOT NULL,
    fingerprint TEXT NOT NULL
);

CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    anchor TEXT NOT NULL,
    text TEXT NOT NULL,
    kind TEXT NOT NULL,
    author TEXT,
    time TEXT,
    thread TEXT,
    title TEXT,
    visibility TEXT NOT NULL,
    UNIQUE (source, anchor)
);
CREATE INDEX passages_by_anchor ON passages (anchor);

CREATE VIRTUAL TABLE passage_words USING fts5(
    text, title, content='passages', content_rowid='id', tokenize="porter unicode61 tokenchars '_'"
);
CREATE VIRTUAL TABLE passage_trigrams USING fts5(
    text, title, content='passages', content_rowid='id', tokenize='trigram'
);
CREATE TRIGGER passages_inserted AFTER INSERT ON passages BEGIN
    INSERT INTO passage_words (rowid, text, title) VALUES (new.id, new.text, new.title);
    INSERT INTO passage_trigrams (rowid, text, title) VALUES (new.id, new.text, new.title);
END;
CREATE TRIGGER passages_deleted AFTER DELETE ON passages BEGIN
    INSERT INTO passage_words (passage_words, rowid, text, title) VALUES ('delete', old.id, old.text, old.title);
    INSERT INTO passage_trigrams (passage_trigrams, rowid, text, title) VALUES ('delete', old.id, old.text, old.title);
END;
CREATE TRIGGER passages_updated AFTER UPDATE ON passages BEGIN
    INSERT INTO passage_words (passage_words, rowid, text, title) VALUES ('delete', old.id, old.text, old.title);
    INSERT INTO passage_trigrams (passage_trigrams, rowid, text, title) VALUES ('delete', old.id, old.text, old.title);
    INSERT INTO passage_words (rowid, text, title) VALUES (new.id, new.text, new.title);
    INSERT INTO passage_trigrams (rowid, text, title) VALUES (new.id, new.text, new.title);
END;

CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    key TEXT NOT NULL,
    old TEXT,
    new TEXT,
    unit TEXT,
    "commit" TEXT NOT NULL,
    path TEXT NOT NULL,
    line INTEGER,
    author TEXT,
    time TEXT NOT NULL,
    summary TEXT NOT NULL,
    UNIQUE (source, fingerprint)
);

CREATE TABLE links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    passage TEXT NOT NULL,
    change_id INTEGER NOT NULL REFERENCES changes (id) ON DELETE CASCADE,
    score REAL NOT NULL,
    evidence TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('suggested', 'confirmed', 'rejected')),
    UNIQUE (passage, change_id)
);
CREATE INDEX links_by_change ON links (change_id);

CREATE TABLE datasets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    child_of TEXT,
    state TEXT NOT NULL CHECK (state IN ('importing', 'complete')),
    n_frames INTEGER,
    created TEXT NOT NULL,
    sources TEXT NOT NULL,
    written_by TEXT NOT NULL
);
CREATE TABLE shards (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    n_frames INTEGER NOT NULL,
    n_bytes INTEGER NOT NULL,
    PRIMARY KEY (dataset_id, number)
);

CREATE TABLE potentials (
    name TEXT PRIMARY KEY,
    added TEXT NOT NULL,
    record TEXT NOT NULL
);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'stopped')),
    started TEXT NOT NULL,
    ended TEXT,
    result TEXT
);

CREATE TABLE artifacts (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    meta TEXT NOT NULL,
    added TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX artifacts_by_content ON artifacts (sha256);
"""
