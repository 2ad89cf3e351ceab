CREATE TABLE documents (
    id          INTEGER PRIMARY KEY,
    title       TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    author      TEXT    NOT NULL,
    tags        TEXT    NOT NULL, -- separated by single spaces
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
    updated_at  TEXT    NOT NULL  -- RFC 3339, UTC
) STRICT;

-- The columns beside the sort key make each index enough to find the rows of a page without reading their bodies.
CREATE INDEX documents_by_title ON documents (title, id);
CREATE INDEX documents_by_price ON documents (price_cents, id);
CREATE INDEX documents_by_update ON documents (updated_at, id);

CREATE VIRTUAL TABLE documents_text USING fts5 (
    title, body, author, tags, content = 'documents', content_rowid = 'id'
);

CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL
) STRICT;

-- Tokens are kept as SHA-256: who reads the table cannot use them.
CREATE TABLE sessions (
    id                 INTEGER PRIMARY KEY,
    user_id            INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device             TEXT    NOT NULL,
    access_hash        BLOB    NOT NULL UNIQUE,
    access_expires_at  INTEGER NOT NULL, -- Unix seconds
    refresh_hash       BLOB    NOT NULL UNIQUE,
    spent_refresh_hash BLOB    UNIQUE,   -- the one that was exchanged for refresh_hash
    refresh_expires_at INTEGER NOT NULL,
    created_at         TEXT    NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, refresh_expires_at);

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    user_id     INTEGER NOT NULL REFERENCES users (id),
    document_id INTEGER NOT NULL REFERENCES documents (id),
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    total_cents INTEGER NOT NULL CHECK (total_cents >= 0),
    status      TEXT    NOT NULL,
    created_at  TEXT    NOT NULL
) STRICT;
CREATE INDEX orders_by_user ON orders (user_id, id);

-- One row: what the catalogue was seeded with, so that a directory is not reused with other numbers.
CREATE TABLE seeding (
    documents INTEGER NOT NULL,
    users     INTEGER NOT NULL,
    seed      INTEGER NOT NULL
) STRICT;
