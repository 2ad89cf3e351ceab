-- How often documents are read, for warming by what is wanted; counted in the process and added up here now and then.
CREATE TABLE document_reads (
    document_id BIGINT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    reads       BIGINT NOT NULL,
    counted_at  BIGINT NOT NULL
);
