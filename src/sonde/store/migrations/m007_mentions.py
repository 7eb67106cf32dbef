"""What passages mention (settings, values, commits, files, materials), and conversations found without a scan."""

SCRIPT = """
CREATE INDEX passages_by_thread ON passages (source, thread) WHERE thread IS NOT NULL;
CREATE INDEX passages_loose ON passages (source, title, time)
    WHERE thread IS NULL AND kind IN ('slack', 'mattermost', 'zulip');
CREATE INDEX passages_by_author ON passages (author);

CREATE TABLE entities (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE mentions (
    passage INTEGER NOT NULL,
    entity INTEGER NOT NULL REFERENCES entities (id),
    time REAL,
    conversation INTEGER NOT NULL,
    PRIMARY KEY (passage, entity)
) WITHOUT ROWID;
CREATE INDEX mentions_by_entity ON mentions (entity, time, conversation);

CREATE TABLE read_until (passage INTEGER NOT NULL);
INSERT INTO read_until VALUES (0);
CREATE TABLE unread (passage INTEGER PRIMARY KEY);
CREATE TRIGGER mentions_deleted AFTER DELETE ON passages BEGIN
    DELETE FROM mentions WHERE passage = old.id;
    DELETE FROM unread WHERE passage = old.id;
END;
CREATE TRIGGER mentions_outdated AFTER UPDATE ON passages WHEN old.id <= (SELECT passage FROM read_until) BEGIN
    DELETE FROM mentions WHERE passage = old.id;
    INSERT OR IGNORE INTO unread VALUES (old.id);
END;
"""
