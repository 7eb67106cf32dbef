"""Words of new passages are indexed a batch at a time: a trigger for each row made SQLite write the index each time."""

SCRIPT = "DROP TRIGGER passages_inserted;"
