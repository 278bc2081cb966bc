//! How keys and texts are written, in messages and as TOML.

/// The text in quotes, cut where it is too long for a message.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}

/// A key as TOML writes it: bare where it can be.
pub(super) fn written_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { written_text(key) }
}

/// A text as a TOML basic string.
pub fn written_text(text: &str) -> String {
    let mut written = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => written.extend(['\\', character]),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            _ if character.is_control() => {
                written.extend([format!("\\u{:04X}", u32::from(character))]);
            }
            _ => written.push(character),
        }
    }
    written.push('"');
    written
}

/// The dotted path of a key in the table at `path`, which is empty for the root.
pub(super) fn joined(path: &str, key: &str) -> String {
    let key = written_key(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_keys_are_quoted_in_a_path() {
        assert_eq!(joined("a", "b c"), "a.\"b c\"");
        assert_eq!(joined("", "b"), "b");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(quoted(&"é".repeat(200)).chars().count(), 83);
    }
}
