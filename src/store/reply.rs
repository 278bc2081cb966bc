//! What a script answers, in plain shapes: the rest of the house does not know the library's.

use redis::Value;

/// A value that a script gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Lua's `false`.
    Nil,
    /// A number, cut to a whole one by the store.
    Int(i64),
    /// A string.
    Bytes(Vec<u8>),
    /// A table.
    List(Vec<Reply>),
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        match value {
            Value::Int(number) => Self::Int(number),
            Value::BulkString(bytes) => Self::Bytes(bytes),
            Value::SimpleString(text) => Self::Bytes(text.into_bytes()),
            Value::Okay => Self::Bytes(b"OK".to_vec()),
            Value::Array(values) => Self::List(values.into_iter().map(Self::from).collect()),
            _ => Self::Nil,
        }
    }
}

impl Reply {
    /// The whole number that it is.
    pub fn int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The bytes that it is.
    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The text that it is.
    pub fn text(&self) -> Option<&str> {
        self.bytes().and_then(|bytes| str::from_utf8(bytes).ok())
    }

    /// The elements; none where it is no list.
    pub fn list(&self) -> &[Reply] {
        if let Self::List(elements) = self { elements } else { &[] }
    }
}
