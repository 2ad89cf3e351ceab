-- Times are Unix seconds. Secondary indexes are not here: they are a switch (db.indexes).
CREATE TABLE documents (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- an order names it for good
    title       TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    author      TEXT    NOT NULL,
    tags        TEXT    NOT NULL, -- separated by single spaces
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE VIRTUAL TABLE documents_text USING fts5 (
    title, body, author, tags, content = 'documents', content_rowid = 'id'
);
CREATE TRIGGER documents_text_insert AFTER INSERT ON documents BEGIN
    INSERT INTO documents_text (rowid, title, body, author, tags)
    VALUES (new.id, new.title, new.body, new.author, new.tags);
END;
CREATE TRIGGER documents_text_delete AFTER DELETE ON documents BEGIN
    INSERT INTO documents_text (documents_text, rowid, title, body, author, tags)
    VALUES ('delete', old.id, old.title, old.body, old.author, old.tags);
END;
CREATE TRIGGER documents_text_update AFTER UPDATE ON documents BEGIN
    INSERT INTO documents_text (documents_text, rowid, title, body, author, tags)
    VALUES ('delete', old.id, old.title, old.body, old.author, old.tags);
    INSERT INTO documents_text (rowid, title, body, author, tags)
    VALUES (new.id, new.title, new.body, new.author, new.tags);
END;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE, -- in lower case
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    user_id     INTEGER NOT NULL REFERENCES users (id),
    document_id INTEGER NOT NULL, -- what was bought stays bought when the document goes
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    total_cents INTEGER NOT NULL CHECK (total_cents >= 0),
    status      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

-- One row: what the catalogue was seeded with, so that a database is not reused with other numbers.
CREATE TABLE seeding (
    documents INTEGER NOT NULL,
    users     INTEGER NOT NULL,
    seed      INTEGER NOT NULL
) STRICT;
