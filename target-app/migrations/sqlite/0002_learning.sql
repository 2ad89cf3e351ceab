-- The graph that is read parent by parent or at once (db.loading).
CREATE TABLE courses (
    id         INTEGER PRIMARY KEY,
    title      TEXT    NOT NULL,
    author     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE students (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL,
    email     TEXT    NOT NULL UNIQUE,
    joined_at INTEGER NOT NULL
) STRICT;

CREATE TABLE enrolments (
    course_id   INTEGER NOT NULL REFERENCES courses (id),
    student_id  INTEGER NOT NULL REFERENCES students (id),
    progress    INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100), -- percent
    enrolled_at INTEGER NOT NULL,
    PRIMARY KEY (course_id, student_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
    id         INTEGER PRIMARY KEY,
    course_id  INTEGER NOT NULL,
    student_id INTEGER NOT NULL,
    grade      TEXT    NOT NULL CHECK (grade IN ('distinction', 'merit', 'pass')),
    issued_at  INTEGER NOT NULL,
    UNIQUE (course_id, student_id),
    FOREIGN KEY (course_id, student_id) REFERENCES enrolments (course_id, student_id)
) STRICT;
