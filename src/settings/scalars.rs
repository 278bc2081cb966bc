//! The accessors of a section for words: text, lists of text, booleans, choices, and whatever has
//! a parser of its own. Each says what was found and what would do.

use super::node::{Node, Value};
use super::section::Section;
use super::spelling::quoted;

impl Section<'_> {
    /// A text that is not empty.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let found = self.optional_text(key);
        self.require(key, found)
    }

    /// A text that may be absent but not empty.
    pub fn optional_text(&mut self, key: &str) -> Option<Option<String>> {
        self.take(key, |node| text_of(node).map(str::to_owned))
    }

    /// A list of texts, none of them empty; absent is the empty list. A variable may also give
    /// them with commas between them.
    pub fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let path = self.key_path(key);
        let nodes = self.take(key, |node| {
            separate_commas(node);
            match &node.value {
                Value::List(elements) => {
                    Ok(elements.iter().map(|one| (text_of(one).map(str::to_owned), one.origin.clone())).collect())
                }
                Value::Text(text) => Err(format!("is text; write a list: [{}]", quoted(text))),
                other => Err(format!("is {other}, but a list of texts is wanted")),
            }
        })?;
        let nodes: Vec<_> = nodes.unwrap_or_default();
        let mut texts = Some(Vec::with_capacity(nodes.len()));
        for (index, (text, origin)) in nodes.into_iter().enumerate() {
            match (text, &mut texts) {
                (Ok(text), Some(texts)) => texts.push(text),
                (Ok(_), None) => {}
                (Err(message), _) => {
                    self.ledger.note(format!("{path}[{index}]"), origin, message);
                    texts = None;
                }
            }
        }
        texts
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let found = self.take(key, |node| {
            let value = match &node.value {
                Value::Boolean(value) => return Ok(*value),
                Value::Text(text) if node.is_variable() => text.parse().ok(),
                _ => None,
            };
            let value = value.ok_or_else(|| format!("is {}; write true or false", node.value))?;
            node.value = Value::Boolean(value);
            Ok(value)
        });
        self.require(key, found)
    }

    /// One of the given words, as what it stands for.
    pub fn choice<T: Clone>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let found = self.take(key, |node| {
            let text = text_of(node)?;
            let chosen = choices.iter().find(|(word, _)| *word == text);
            chosen.map(|(_, value)| value.clone()).ok_or_else(|| {
                let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                format!("{} will not do; write {}", quoted(text), words.join(" or "))
            })
        });
        self.require(key, found)
    }

    /// A text that `parse` understands; its fault is shown after the text, which must therefore
    /// not be a secret.
    pub fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let found = self.optional_parsed(key, parse);
        self.require(key, found)
    }

    /// A text that `parse` understands, or nothing.
    pub fn optional_parsed<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        self.take(key, |node| {
            let text = text_of(node)?;
            parse(text).map_err(|fault| format!("{} will not do: {fault}", quoted(text)))
        })
    }
}

pub(super) fn text_of(node: &Node) -> Result<&str, String> {
    match &node.value {
        Value::Text(text) if text.trim().is_empty() => Err("is empty; give it a value or leave the key out".to_owned()),
        Value::Text(text) => Ok(text),
        other => Err(format!("is {other}, but text in quotes is wanted")),
    }
}

/// A variable has no lists of its own, unless it is written as one; `a, b` is the usual spelling.
fn separate_commas(node: &mut Node) {
    let Value::Text(text) = &node.value else {
        return;
    };
    if !node.is_variable() {
        return;
    }
    let element = |text: &str| Node {
        value: Value::text(text.trim()),
        origin: node.origin.clone(),
        rank: node.rank,
        secret: false,
        content: None,
    };
    let elements = if text.trim().is_empty() { Vec::new() } else { text.split(',').map(element).collect() };
    node.value = Value::List(elements);
}

#[cfg(test)]
mod tests {
    use super::super::reading::{said, variable};

    #[test]
    fn text_is_required_unless_it_is_optional_and_never_empty() {
        let mistakes = said("[a]\nx = ''\ny = 3\n", |root| {
            let mut a = root.section("a");
            assert_eq!(a.text("x"), None);
            assert_eq!(a.optional_text("y"), None);
            assert_eq!(a.text("z"), None);
            assert_eq!(a.optional_text("z"), Some(None));
        });
        let expected = [
            "f:2: a.x: is empty; give it a value or leave the key out",
            "f:3: a.y: is the whole number 3, but text in quotes is wanted",
            "f:1: a.z: is missing",
        ];
        assert_eq!(mistakes, expected);
    }

    #[test]
    fn every_element_of_a_list_of_texts_is_looked_at() {
        let mistakes = said("x = ['a', 1,\n '']\ny = 'a'\n", |root| {
            assert_eq!(root.texts("x"), None);
            assert_eq!(root.texts("y"), None);
            assert_eq!(root.texts("z"), Some(Vec::new()));
        });
        let expected = [
            "f:1: x[1]: is the whole number 1, but text in quotes is wanted",
            "f:2: x[2]: is empty; give it a value or leave the key out",
            "f:3: y: is text; write a list: [\"a\"]",
        ];
        assert_eq!(mistakes, expected);
    }

    #[test]
    fn a_variable_may_give_a_list_with_commas_or_in_brackets() {
        for (value, expected) in [("a, b", &["a", "b"][..]), ("[\"a\", 'b']", &["a", "b"]), ("", &[])] {
            let mut settings = variable("SLUICE_X", value);
            assert_eq!(
                settings.root().texts("x").as_deref(),
                Some(&expected.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()[..])
            );
        }
        let mut settings = variable("SLUICE_X", "a,,b");
        assert_eq!(settings.root().texts("x"), None);
        assert_eq!(settings.mistakes().len(), 1);
    }

    #[test]
    fn a_boolean_is_text_only_in_a_variable() {
        assert_eq!(variable("SLUICE_X", "true").root().boolean("x"), Some(true));
        let mistakes = said("x = 'true'\n", |root| assert_eq!(root.boolean("x"), None));
        assert_eq!(mistakes, ["f:1: x: is the text \"true\"; write true or false"]);
    }

    #[test]
    fn a_choice_lists_what_would_do() {
        let mistakes = said("x = 'xml'\ny = 'json'\n", |root| {
            let choices = [("json", 1), ("pretty", 2)];
            assert_eq!(root.choice("x", &choices), None);
            assert_eq!(root.choice("y", &choices), Some(1));
        });
        assert_eq!(mistakes, ["f:1: x: \"xml\" will not do; write \"json\" or \"pretty\""]);
    }

    #[test]
    fn a_parser_of_the_caller_says_why() {
        let mistakes = said("x = 'a'\n", |root| {
            assert_eq!(root.parsed("x", |_| Err::<(), _>("no host".to_owned())), None);
            assert_eq!(root.parsed("x", |text| Ok(text.len())), Some(1));
            assert_eq!(root.optional_parsed("y", |text| Ok(text.len())), Some(None));
        });
        assert_eq!(mistakes, ["f:1: x: \"a\" will not do: no host"]);
    }
}
