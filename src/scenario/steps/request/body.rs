//! The body of a request: a text, JSON, a form, a file, several parts, a GraphQL operation.

use std::sync::Arc;

use super::pairs;
use crate::format::tables::body::{graphql, part};
use crate::format::words::{BodyCoding, FromWord};
use crate::format::{Choice, Field, Fields, Problems, Type};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::{Body, Check, CheckRule, JsonPath, JsonRule, OnFail, Part, PartContent};
use crate::scenario::{Template, UploadFile, Value};
use crate::source::{Entry, Node, brief};

pub(super) const BODY: Field = Field::new(
    "body",
    Type::TEMPLATE,
    "post: /notes\nbody: 'hello ${user()}'\nheaders: { content-type: text/plain }",
    "A text body, sent as written with values inserted. No content type is added.",
)
.secret();
pub(super) const JSON: Field = Field::new(
    "json",
    Type::Any,
    "post: /orders\njson: { document_id: '${id}', quantity: 2 }",
    "A JSON body, written as YAML. A text that consists of one `${…}` keeps the type of its value; inside a longer \
     text the value is inserted as text. Adds `content-type: application/json` unless a header says otherwise.",
)
.secret();
pub(super) const FORM: Field = Field::new(
    "form",
    Type::Map(&Type::OneOf(&[Type::TEMPLATE, Type::List(&Type::TEMPLATE)])),
    "post: /login\nform: { user: me, tag: [ a, b ] }",
    "A form body of pairs, encoded; a list sends its name once for each value. Adds `content-type: \
     application/x-www-form-urlencoded`.",
)
.secret();
pub(super) const FILE: Field = Field::new(
    "file",
    Type::FILE,
    "post: /import\nfile: ../fixtures/users.csv\nheaders: { content-type: text/csv }",
    "A file as the body, as it is. It is read in small pieces while it is sent, never as a whole. Adds `content-type: \
     application/octet-stream` unless a header says otherwise.",
)
.home("a body from a file is `file: name` beside the method; rows of test input are files under `data:`");
pub(super) const MULTIPART: Field = Field::new(
    "multipart",
    Type::List(&Type::Mapping(&part::TABLE)),
    "post: /pictures\nmultipart: [ { name: title, text: mug }, { name: picture, file: ../fixtures/users.csv } ]",
    "A form body of several parts, such as an upload. Adds `content-type: multipart/form-data`.",
)
.with_secrets();
pub(super) const GRAPHQL: Field = Field::new(
    "graphql",
    Type::Mapping(&graphql::TABLE),
    "post: /graphql\ngraphql: { query: '{ items { id } }' }",
    "A GraphQL operation; entries under `errors` in its response fail the request.",
)
.with_secrets();
pub(super) const COMPRESS: Field = Field::new(
    "compress",
    Type::Words(&BodyCoding::SET),
    "post: /orders\njson: { document_id: 7 }\ncompress: gzip",
    "The coding in which the body is sent. `gzip` adds `content-encoding: gzip`; a body with a file is then sent in \
     chunks, without a length.",
)
.default("none");

pub(super) static BODIES: Choice = Choice {
    keys: &["body", "json", "form", "file", "multipart", "graphql"],
    is_required: false,
};

/// Reads the body and its coding.
pub(super) fn body(fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> (Body, BodyCoding) {
    let coding = compiler.problems.value(fields, &COMPRESS);
    let coding = coding.unwrap_or(BodyCoding::Identity);
    let entry = match fields.chosen(&BODIES).as_slice() {
        [] => {
            if let Some(entry) = fields.entry(&COMPRESS) {
                let message = "`compress` has no effect: the request has no body";
                compiler.problems.report(entry.key_span, message);
            }
            return (Body::Empty, coding);
        }
        [one] => *one,
        [first, second, ..] => {
            compiler.problems.report(
                second.key_span,
                format!(
                    "a request has one body, but this one has `{}` and `{}`",
                    first.key, second.key
                ),
            );
            return (Body::Empty, coding);
        }
    };
    // A wrong body is reported, and its substitute is never used.
    (read(entry, compiler).unwrap_or(Body::Empty), coding)
}

fn read(entry: &Entry, compiler: &mut Compiler<'_>) -> Option<Body> {
    let (key, node) = (entry.key.as_str(), &entry.value);
    if key == JSON.key {
        compiler.json(node).map(Body::Json)
    } else if key == FORM.key {
        Some(Body::Form(pairs(node, &FORM, compiler)))
    } else if key == FILE.key {
        upload(node, compiler).map(Body::File)
    } else if key == MULTIPART.key {
        let items = compiler.problems.list(node, "a list of parts")?;
        let parts: Vec<Option<Part>> = items.iter().map(|item| part(item, compiler)).collect();
        let parts: Option<Vec<Part>> = parts.into_iter().collect();
        parts.map(Body::Multipart)
    } else if key == GRAPHQL.key {
        operation(node, compiler).map(Body::Json)
    } else {
        compiler.any_text(node, "a text").map(Body::Text)
    }
}

fn upload(node: &Node, compiler: &mut Compiler<'_>) -> Option<Arc<UploadFile>> {
    let named = compiler.problems.name(node, "the name of a file")?;
    match compiler.files.upload(named, node.span) {
        Ok((path, length, sha256)) => Some(Arc::new(UploadFile {
            path,
            length,
            sha256,
        })),
        Err(refusal) => {
            compiler.problems.refused(node.span, refusal);
            None
        }
    }
}

fn part(node: &Node, compiler: &mut Compiler<'_>) -> Option<Part> {
    use part::{CONTENT, FILE, FILENAME, JSON, NAME, TABLE, TYPE};

    let fields = compiler.problems.fields(node, &TABLE)?;
    let name = compiler.problems.require(&fields, &NAME);
    let name = name.and_then(|node| compiler.problems.fixed_name(node, "a part's name"));
    let content = match fields.chosen(&CONTENT).as_slice() {
        [one] if one.key == FILE.key => upload(&one.value, compiler).map(PartContent::File),
        [one] if one.key == JSON.key => compiler.json(&one.value).map(PartContent::Json),
        [one] => compiler
            .any_text(&one.value, "a text")
            .map(PartContent::Text),
        [] if fields.has_slip => None,
        [] => {
            compiler.problems.report_with(
                node.span,
                "this part has no content",
                "add one of `file`, `text` or `json`",
            );
            None
        }
        [_, second, ..] => {
            let message = "a part has one content: `file`, `text` or `json`";
            compiler.problems.report(second.key_span, message);
            None
        }
    };
    let filename = own(&fields, &FILENAME, "a file's name", compiler.problems);
    let content_type = own(&fields, &TYPE, "a content type", compiler.problems);
    let (name, content) = (name?, content?);
    let base = match &content {
        PartContent::File(file) => file.path.file_name(),
        PartContent::Text(_) | PartContent::Json(_) => None,
    };
    let base = base.map(|name| name.to_string_lossy().into_owned());
    Some(Part {
        name: name.to_owned(),
        filename: filename.ok()?.or(base),
        content_type: content_type.ok()?,
        content,
    })
}

/// A fixed text of a part, if it is there; an error is reported.
fn own(
    fields: &Fields<'_>,
    field: &Field,
    what: &str,
    problems: &mut Problems,
) -> Result<Option<String>, ()> {
    let Some(node) = fields.get(field) else {
        return Ok(None);
    };
    let text = problems.fixed_name(node, what).ok_or(())?;
    if text.contains(char::is_control) {
        problems.report(
            node.span,
            format!("{what} may not contain control characters"),
        );
        return Err(());
    }
    Ok(Some(text.to_owned()))
}

/// A GraphQL operation as a JSON document.
fn operation(node: &Node, compiler: &mut Compiler<'_>) -> Option<Template> {
    use graphql::{DOCUMENT, FILE, OPERATION, TABLE, VARIABLES};

    let fields = compiler.problems.fields(node, &TABLE)?;
    let document = match fields.chosen(&DOCUMENT).as_slice() {
        [one] if one.key == FILE.key => document(&one.value, compiler),
        [one] => query(&one.value, compiler.problems),
        [] if fields.has_slip => None,
        [] => {
            compiler.problems.report_with(
                node.span,
                "this operation has no document",
                "add `query: '…'` or `file: name`",
            );
            None
        }
        [_, second, ..] => {
            let message = "an operation has one document: `query` or `file`";
            compiler.problems.report(second.key_span, message);
            None
        }
    };
    let variables = match fields.get(&VARIABLES) {
        None => Some(None),
        Some(node) => {
            let is_mapping = compiler
                .problems
                .entries(node, "a mapping of variables to values");
            is_mapping.and_then(|_| compiler.json(node)).map(Some)
        }
    };
    let name = match fields.get(&OPERATION) {
        None => Some(None),
        Some(node) => compiler
            .problems
            .fixed_name(node, "an operation's name")
            .map(Some),
    };
    let quoted = |text: &str| Value::from(text).to_string();
    let mut parts = vec![Template::from_literal(&format!(
        "{{\"query\":{}",
        quoted(&document?)
    ))];
    if let Some(variables) = variables? {
        parts.extend([Template::from_literal(",\"variables\":"), variables]);
    }
    let operation = name?.map(|name| format!(",\"operationName\":{}", quoted(name)));
    parts.push(Template::from_literal(
        &(operation.unwrap_or_default() + "}"),
    ));
    Some(Template::concat(parts))
}

fn query(node: &Node, problems: &mut Problems) -> Option<String> {
    let text = problems.scalar(node, "a GraphQL document")?.text.as_str();
    if text.contains("${") {
        problems.report_with(
            node.span,
            "a GraphQL document is sent as written, but contains `${`",
            "declare a variable (`query ($id: ID!) { … }`) and give its value under `variables:`",
        );
        return None;
    }
    Some(text.to_owned())
}

fn document(node: &Node, compiler: &mut Compiler<'_>) -> Option<String> {
    let named = compiler
        .problems
        .name(node, "the name of a GraphQL document")?;
    let bytes = match compiler.files.read_document(named, node.span) {
        Ok(bytes) => bytes,
        Err(refusal) => {
            compiler.problems.refused(node.span, refusal);
            return None;
        }
    };
    let text = String::from_utf8(bytes);
    if text.is_err() {
        let message = format!("`{}` is not UTF-8", brief(named));
        compiler.problems.report(node.span, message);
    }
    text.ok()
}

/// The check of a GraphQL response.
pub(super) fn no_errors() -> Check {
    let path = JsonPath::parse("$.errors[*]").expect("a path");
    Check {
        name: "no GraphQL errors".to_owned(),
        rule: CheckRule::Not(Box::new(CheckRule::Json(path, JsonRule::Exists))),
        on_fail: OnFail::Count,
    }
}
