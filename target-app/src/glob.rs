//! Patterns of names and keys: `*` matches any run of bytes, `?` one byte, everything else itself.
//!
//! Redis has more wildcards; they are escaped before a pattern is sent there, so that a pattern means the same
//! everywhere.

/// Whether `pattern` matches all of `text`; takes at most the product of their lengths in steps.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut in_text) = (0, 0);
    // Position to continue from when the run of the last star must be one byte longer.
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, in_text));
                at += 1;
            }
            Some(&sign) if sign == b'?' || sign == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                Some((after, run_end)) => {
                    star = Some((after, run_end + 1));
                    at = after;
                    in_text = run_end + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&sign| sign == b'*')
}

/// `text` with all special characters of Redis patterns escaped.
pub(crate) fn literal(text: &str) -> String {
    escaped(text, &['*', '?', '[', ']', '\\'])
}

/// `pattern` with the special characters escaped that exist only in Redis.
pub(crate) fn for_redis(pattern: &str) -> String {
    escaped(pattern, &['[', ']', '\\'])
}

fn escaped(text: &str, signs: &[char]) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for sign in text.chars() {
        if signs.contains(&sign) {
            safe.push('\\');
        }
        safe.push(sign);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_keys() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("a?", "ab", true),
            ("a?", "a", false),
            ("document:*", "document:7", true),
            ("document:*", "documents:7", false),
            ("*:students:*", "course:3:students:1", true),
            ("a*b*c", "axxbxbxc", true),
            ("a*b*c", "axxbxbx", false),
            ("*ab", "aab", true),
            ("[a]", "a", false),
            ("[a]", "[a]", true),
            ("a**", "a", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn a_pattern_with_many_stars_matches_quickly() {
        assert!(!matches(&"a*".repeat(50), &"a".repeat(49)));
        assert!(!matches(
            &format!("{}b", "*a".repeat(200)),
            &"a".repeat(5_000)
        ));
    }

    #[test]
    fn special_characters_are_escaped_for_redis() {
        assert_eq!(literal(r"a*b?[c]\"), r"a\*b\?\[c\]\\");
        assert_eq!(for_redis(r"a*b?[c]\"), r"a*b?\[c\]\\");
    }
}
