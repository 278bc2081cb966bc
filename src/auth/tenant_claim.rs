//! Where in a token the tenant is named: a claim's name, or a JSON pointer (RFC 6901) to a nested one.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

/// The place of the tenant's name among the claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantClaim {
    written: String,
    /// The names to follow from the top, unescaped. Never empty, and none of them is.
    steps: Vec<String>,
}

/// A text that names no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("give the name of a claim, such as \"tenant\", or a JSON pointer to one, such as \"/org/team\"")]
pub struct NotAClaim;

impl TenantClaim {
    /// As configured.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// What stands at this place, if anything.
    pub(super) fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let (first, rest) = self.steps.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |at, step| match at {
            Value::Object(members) => members.get(step),
            Value::Array(items) => items.get(position(step)?),
            _ => None,
        })
    }

    /// Puts `said` at this place, in objects that are made on the way. `None` where something other than an object
    /// is in the way.
    pub(super) fn place(&self, said: impl Into<Value>, claims: &mut Map<String, Value>) -> Option<()> {
        let (last, way) = self.steps.split_last()?;
        let mut at = claims;
        for step in way {
            at = at.entry(step.as_str()).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
        }
        at.insert(last.clone(), said.into());
        Some(())
    }

    /// The claim of the top level that it is or is within.
    pub(super) fn top(&self) -> &str {
        self.steps.first().map_or("", String::as_str)
    }
}

/// The index that a step means in a list: digits without a leading zero.
fn position(step: &str) -> Option<usize> {
    let canonical = step == "0" || (!step.starts_with('0') && step.bytes().all(|b| b.is_ascii_digit()));
    if canonical { step.parse().ok() } else { None }
}

impl FromStr for TenantClaim {
    type Err = NotAClaim;

    fn from_str(written: &str) -> Result<Self, NotAClaim> {
        let steps = match written.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect::<Option<Vec<_>>>().ok_or(NotAClaim)?,
            None => vec![written.to_owned()],
        };
        if steps.iter().any(String::is_empty) {
            return Err(NotAClaim);
        }
        Ok(Self { written: written.to_owned(), steps })
    }
}

/// `~1` is a slash and `~0` a tilde; a tilde before anything else is an error.
fn unescaped(step: &str) -> Option<String> {
    let (plain, escapes) = step.split_once('~').map_or((step, None), |(plain, rest)| (plain, Some(rest)));
    let mut text = plain.to_owned();
    for escape in escapes.into_iter().flat_map(|rest| rest.split('~')) {
        let (meant, rest) = match escape.split_at_checked(1)? {
            ("0", rest) => ('~', rest),
            ("1", rest) => ('/', rest),
            _ => return None,
        };
        text.push(meant);
        text.push_str(rest);
    }
    Some(text)
}

impl Default for TenantClaim {
    /// The claim `tenant`.
    fn default() -> Self {
        Self { written: "tenant".to_owned(), steps: vec!["tenant".to_owned()] }
    }
}

impl fmt::Display for TenantClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(written: &str) -> TenantClaim {
        written.parse().expect("a claim")
    }

    #[test]
    fn names_and_pointers_find_what_they_name() {
        let claims = json!({
            "tenant": "flat", "org": {"team": "deep", "a/b": {"m~n": "escaped"}}, "groups": ["first", "second"],
            "https://sso.example/tenant": "url", "~01": "raw", "~1": "once",
        });
        let claims = claims.as_object().expect("an object");
        let cases = [
            ("tenant", Some("flat")),
            ("/tenant", Some("flat")),
            ("/org/team", Some("deep")),
            ("/org/a~1b/m~0n", Some("escaped")),
            ("/groups/1", Some("second")),
            ("https://sso.example/tenant", Some("url")),
            ("~01", Some("raw")),
            ("/~01", Some("once")),
            ("/groups/01", None),
            ("/groups/2", None),
            ("/groups/-", None),
            ("/org/none", None),
            ("/tenant/deeper", None),
            ("org.team", None),
        ];
        assert_eq!(TenantClaim::default(), claim("tenant"));
        for (written, expected) in cases {
            assert_eq!(claim(written).find(claims).and_then(Value::as_str), expected, "{written}");
        }
    }

    #[test]
    fn what_names_no_claim_is_refused() {
        for written in ["", "/", "//", "/a/", "/a//b", "/a~", "/a~2", "/~"] {
            assert_eq!(written.parse::<TenantClaim>(), Err(NotAClaim), "{written}");
        }
    }

    #[test]
    fn what_is_placed_is_found() {
        for written in ["tenant", "/org/team", "/a/b/c/d", "/groups/0", "/org/a~1b"] {
            let mut claims = Map::new();
            assert_eq!(claim(written).place("blue", &mut claims), Some(()));
            assert_eq!(claim(written).find(&claims), Some(&json!("blue")), "{written}");
        }
        let mut taken = Map::from_iter([("sub".to_owned(), json!("someone"))]);
        assert_eq!(claim("/sub/team").place("blue", &mut taken), None);
    }
}
