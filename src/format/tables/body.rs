//! Bodies of several parts, and of GraphQL.

pub(crate) mod part {
    //! A part of a multipart body.

    use super::super::super::{Choice, Field, Mapping, Type};

    pub(crate) const NAME: Field = Field::new(
        "name",
        Type::NAME,
        "picture",
        "The name of the form's field.",
    )
    .required();

    pub(crate) const FILE: Field = Field::new(
        "file",
        Type::FILE,
        "../fixtures/users.csv",
        "A file, sent as it is. It is read in small pieces while it is sent, never as a whole.",
    );

    pub(crate) const TEXT: Field = Field::new(
        "text",
        Type::TEMPLATE,
        "'by ${user()}'",
        "A text with values inserted.",
    )
    .secret();

    pub(crate) const JSON: Field = Field::new(
        "json",
        Type::Any,
        "{ title: tea, price: 5 }",
        "A JSON value, written as YAML, as in the `json` of a request. Adds `content-type: application/json` to the part.",
    )
    .secret();

    pub(crate) const FILENAME: Field = Field::new(
        "filename",
        Type::NAME,
        "name: picture\nfile: ../fixtures/users.csv\nfilename: mug.png",
        "The name of the file that the target is told; without it, that of the file, and none for a text.",
    );

    pub(crate) const TYPE: Field = Field::new(
        "type",
        Type::NAME,
        "name: picture\nfile: ../fixtures/users.csv\ntype: image/png",
        "The content type of the part; without it `application/octet-stream` for a file, and none for a text.",
    );

    pub(crate) static CONTENT: Choice = Choice {
        keys: &["file", "text", "json"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "part",
        what: "a part",
        doc: "A part of a multipart body: one field of a form.",
        fields: &[NAME, FILE, TEXT, JSON, FILENAME, TYPE],
        choices: &[&CONTENT],
        example: "name: title\ntext: tea\n",
        rest: "name: title\ntext: tea\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod graphql {
    //! A GraphQL operation.

    use super::super::super::{Choice, Field, Mapping, Type};

    pub(crate) const QUERY: Field = Field::new(
        "query",
        Type::Text,
        "'query ($id: ID!) { item(id: $id) { name } }'",
        "The document, sent as written: values belong under `variables`.",
    );

    pub(crate) const FILE: Field = Field::new(
        "file",
        Type::FILE,
        "../fixtures/item.graphql",
        "A file with the document.",
    );

    pub(crate) const VARIABLES: Field = Field::new(
        "variables",
        Type::Any,
        "query: 'query ($id: ID!) { item(id: $id) { name } }'\nvariables: { id: '${user()}' }",
        "The values of its variables, as in the `json` of a request.",
    )
    .secret();

    pub(crate) const OPERATION: Field = Field::new(
        "operation",
        Type::NAME,
        "query: 'query One { a } query Two { b }'\noperation: Two",
        "The operation to run, if the document has several.",
    );

    pub(crate) static DOCUMENT: Choice = Choice {
        keys: &["query", "file"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "graphql",
        what: "`graphql`",
        doc: "A GraphQL operation, sent as JSON. A response with entries under `errors` fails the request: it gets a \
            check with the name `no GraphQL errors`.",
        fields: &[QUERY, FILE, VARIABLES, OPERATION],
        choices: &[&DOCUMENT],
        example: "query: 'query ($id: ID!) { item(id: $id) { name } }'\nvariables: { id: 7 }\n",
        rest: "query: '{ items { id } }'\n",
        ..Mapping::EMPTY
    };
}
