//! JSON as a token may contain it: one object, no member name twice at any depth, not deep.
//!
//! Of two members of one name, readers differ in which they take; a token that two readers understand differently is
//! an attack (RFC 8725, 2.4). Names are compared after unescaping, so `"\u0069ss"` repeats `"iss"`.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How many objects and lists may enclose a value.
const MAX_DEPTH: usize = 16;

/// What is wrong with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// It is not one JSON object, or it is too deep.
    NotAnObject,
    /// A member name occurs twice in one object.
    DuplicateMember,
}

/// Reads `text` as one object with nothing after it.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, Malformed> {
    let duplicate = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let node = Node { depth_left: MAX_DEPTH, duplicate: &duplicate };
    match node.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value)) {
        Ok(Value::Object(members)) => Ok(members),
        Err(_) if duplicate.get() => Err(Malformed::DuplicateMember),
        Ok(_) | Err(_) => Err(Malformed::NotAnObject),
    }
}

/// A place where a value is expected.
#[derive(Clone, Copy)]
struct Node<'f> {
    depth_left: usize,
    /// Raised on a repeated name: the reader's own error cannot be told from others but by its text.
    duplicate: &'f Cell<bool>,
}

impl Node<'_> {
    fn inside<E: Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth_left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let item = self.inside()?;
        let mut items = Vec::new();
        while let Some(value) = list.next_element_seed(item)? {
            items.push(value);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let member = self.inside()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                self.duplicate.set(true);
                return Err(A::Error::custom("a name twice"));
            }
            let value = map.next_value_seed(member)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let text = br#" {"a":[1,-2,3.5,true,null,"\u00e9",{}],"b":{"a":18446744073709551615}} "#;
        let expected: Value = serde_json::from_slice(text).expect("valid JSON");
        assert_eq!(object(text).map(Value::Object), Ok(expected));
    }

    #[test]
    fn a_name_twice_is_refused_wherever_it_stands() {
        let cases = [
            r#"{"iss":"a","iss":"a"}"#,
            r#"{"iss":"a","\u0069ss":"b"}"#,
            r#"{"x":{"y":{"z":1,"z":2}}}"#,
            r#"{"x":[{"y":1,"y":1}]}"#,
            r#"{"":1,"":1}"#,
        ];
        for text in cases {
            assert_eq!(object(text.as_bytes()), Err(Malformed::DuplicateMember), "{text}");
        }
        assert!(object(br#"{"x":{"y":1},"y":{"y":1}}"#).is_ok(), "one name in two objects is no duplicate");
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        let cases = ["", "null", "[]", "1", "\"x\"", "{}{}", "{} x", "{", "{a:1}", "{\"a\":NaN}", "{\"a\":1e400}"];
        for text in cases {
            assert_eq!(object(text.as_bytes()), Err(Malformed::NotAnObject), "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), Err(Malformed::NotAnObject));
        assert_eq!(object(b"\xef\xbb\xbf{}"), Err(Malformed::NotAnObject));
        assert_eq!(object(br#"{"a":"\ud800"}"#), Err(Malformed::NotAnObject));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |lists: usize| format!("{{\"a\":{}{}}}", "[".repeat(lists), "]".repeat(lists));
        assert!(object(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(object(nested(MAX_DEPTH).as_bytes()), Err(Malformed::NotAnObject));
        assert_eq!(object(nested(4000).as_bytes()), Err(Malformed::NotAnObject));
    }
}
