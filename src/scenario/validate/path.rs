//! Paths to values of the file, such as `flows.buy.steps."list documents".timeout`.

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathPart {
    /// A key of a mapping, or the name of an item of a list.
    Name(String),
    /// An item of a list, counted from 0.
    Index(usize),
}

/// The parts of a path, or why it is none. Names are joined by `.`; one with a `.` or a `[` in it is quoted.
pub(super) fn parse(path: &str) -> Result<Vec<PathPart>, String> {
    let fault = |expected: &str| {
        format!(
            "`{path}` is not a path: {expected}, as in `flows.buy.weight`, `flows[0].steps.\"list documents\".timeout`"
        )
    };
    let mut parts = Vec::new();
    let mut rest = path.trim();
    loop {
        let name;
        (name, rest) = match rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => rest[1..]
                .split_once(quote)
                .ok_or_else(|| fault("a quote is not closed"))?,
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        if name.is_empty() {
            return Err(fault("it has an empty part; names are joined by `.`"));
        }
        parts.push(PathPart::Name(name.to_owned()));
        while let Some(index) = rest.strip_prefix('[') {
            let (digits, after) = index
                .split_once(']')
                .ok_or_else(|| fault("`[` is not closed"))?;
            let number = digits
                .trim()
                .parse()
                .map_err(|_| fault("items are counted from 0, as `[0]`"))?;
            parts.push(PathPart::Index(number));
            rest = after;
        }
        if rest.is_empty() {
            return Ok(parts);
        }
        rest = rest
            .strip_prefix('.')
            .ok_or_else(|| fault("names are joined by `.`"))?;
    }
}

/// The names in a path; all that is between its dots if it is none.
pub(super) fn names(path: &str) -> Vec<String> {
    match parse(path) {
        Ok(parts) => parts
            .into_iter()
            .filter_map(|part| match part {
                PathPart::Name(name) => Some(name),
                PathPart::Index(_) => None,
            })
            .collect(),
        Err(_) => path
            .split(['.', '[', '"', '\''])
            .map(str::to_owned)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PathPart {
        PathPart::Name(text.to_owned())
    }

    #[test]
    fn names_are_joined_by_dots_and_may_be_quoted() {
        for (path, expected) in [
            ("load.for", vec![name("load"), name("for")]),
            (
                "flows[0].weight",
                vec![name("flows"), PathPart::Index(0), name("weight")],
            ),
            (
                "flows.buy.steps.\"GET /a.b[0]\".timeout",
                ["flows", "buy", "steps", "GET /a.b[0]", "timeout"]
                    .map(name)
                    .into(),
            ),
            (
                "steps.'say \"hi\"'[2][3]",
                vec![
                    name("steps"),
                    name("say \"hi\""),
                    PathPart::Index(2),
                    PathPart::Index(3),
                ],
            ),
            (
                "flows.list documents.weight",
                ["flows", "list documents", "weight"].map(name).into(),
            ),
        ] {
            assert_eq!(parse(path), Ok(expected), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_told_with_the_reason() {
        for (path, reason) in [
            ("", "an empty part"),
            ("load..for", "an empty part"),
            ("load.", "an empty part"),
            ("[0]", "an empty part"),
            ("steps.\"a", "a quote is not closed"),
            ("steps.\"a\"b", "joined by `.`"),
            ("steps[0]b", "joined by `.`"),
            ("steps[0", "`[` is not closed"),
            ("steps[x]", "counted from 0"),
        ] {
            let told = parse(path).expect_err(path);
            assert!(told.contains(reason), "{path}: {told}");
        }
    }
}
