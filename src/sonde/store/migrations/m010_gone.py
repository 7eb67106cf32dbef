"""What went or was revised since all was linked is kept until it is linked again: only what it bore on is.

No more are kept than it pays to look at one by one: where there are 2001, all is linked.
"""

SCRIPT = """
DROP TRIGGER linked_deleted;
DROP TRIGGER linked_outdated;
DELETE FROM linked;
CREATE TABLE gone (
    number INTEGER PRIMARY KEY,
    id INTEGER NOT NULL,
    source TEXT NOT NULL,
    anchor TEXT NOT NULL,
    text TEXT NOT NULL,
    kind TEXT NOT NULL,
    author TEXT,
    time TEXT,
    thread TEXT,
    title TEXT,
    visibility TEXT NOT NULL,
    edited INTEGER NOT NULL,
    pinned INTEGER NOT NULL
);
CREATE TRIGGER gone_deleted AFTER DELETE ON passages BEGIN
    INSERT INTO gone (id, source, anchor, text, kind, author, time, thread, title, visibility, edited, pinned)
    SELECT old.id, old.source, old.anchor, old.text, old.kind, old.author, old.time, old.thread, old.title,
        old.visibility, old.edited, old.pinned
    WHERE EXISTS (SELECT 1 FROM linked) AND (SELECT coalesce(max(number), 0) FROM gone) <= 2000;
END;
CREATE TRIGGER gone_revised AFTER UPDATE ON passages
WHEN (old.text, old.kind, old.author, old.time, old.thread, old.title)
    IS NOT (new.text, new.kind, new.author, new.time, new.thread, new.title)
BEGIN
    INSERT INTO gone (id, source, anchor, text, kind, author, time, thread, title, visibility, edited, pinned)
    SELECT old.id, old.source, old.anchor, old.text, old.kind, old.author, old.time, old.thread, old.title,
        old.visibility, old.edited, old.pinned
    WHERE EXISTS (SELECT 1 FROM linked) AND (SELECT coalesce(max(number), 0) FROM gone) <= 2000;
END;
CREATE TRIGGER gone_linked AFTER DELETE ON linked BEGIN
    DELETE FROM gone;
END;
"""
