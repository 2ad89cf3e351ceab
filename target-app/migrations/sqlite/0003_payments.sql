CREATE TABLE payments (
    id              INTEGER PRIMARY KEY,
    user_id         INTEGER NOT NULL REFERENCES users (id),
    order_id        INTEGER NOT NULL UNIQUE REFERENCES orders (id), -- an order is paid once
    amount_cents    INTEGER NOT NULL CHECK (amount_cents >= 0),
    idempotency_key TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    UNIQUE (user_id, idempotency_key)
) STRICT;

-- Who did what to which object, and when.
CREATE TABLE audit (
    id        INTEGER PRIMARY KEY,
    user_id   INTEGER NOT NULL REFERENCES users (id),
    action    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    object_id INTEGER NOT NULL,
    at        INTEGER NOT NULL
) STRICT;
CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit entries are never removed');
END;
