"""Pieces are looked for in the words, each of which is kept once: trigrams of every passage cost half of an import."""

SCRIPT = """
DROP TRIGGER passages_deleted;
DROP TRIGGER passages_updated;
DROP TABLE passage_trigrams;
CREATE TRIGGER passages_deleted AFTER DELETE ON passages BEGIN
    INSERT INTO passage_words (passage_words, rowid, text, title) VALUES ('delete', old.id, old.text, old.title);
END;
CREATE TRIGGER passages_updated AFTER UPDATE ON passages BEGIN
    INSERT INTO passage_words (passage_words, rowid, text, title) VALUES ('delete', old.id, old.text, old.title);
    INSERT INTO passage_words (rowid, text, title) VALUES (new.id, new.text, new.title);
END;

CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE word_pieces USING fts5(word, content='words', content_rowid='id', tokenize='trigram');
CREATE TRIGGER words_deleted AFTER DELETE ON words BEGIN
    INSERT INTO word_pieces (word_pieces, rowid, word) VALUES ('delete', old.id, old.word);
END;

CREATE VIRTUAL TABLE plain_words USING fts5(text, title, content='', tokenize="unicode61 tokenchars '_'");
INSERT INTO plain_words (rowid, text, title) SELECT id, text, title FROM passages;
CREATE VIRTUAL TABLE plain_vocabulary USING fts5vocab(plain_words, 'row');
INSERT INTO words (word) SELECT term FROM plain_vocabulary WHERE length(term) BETWEEN 3 AND 100;
DROP TABLE plain_vocabulary;
DROP TABLE plain_words;
INSERT INTO word_pieces (rowid, word) SELECT id, word FROM words;
"""
