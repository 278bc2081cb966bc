//! JSON objects that have to be objects: derived readers also take a list, member by member in the order of the fields,
//! which no document of anybody's means.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A `T` that was written as an object.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Region;

    #[test]
    fn a_list_is_no_object() {
        let list = r#"["a",1.0,2.0]"#;
        assert!(serde_json::from_str::<Region>(list).is_ok(), "then this module is not needed any more");
        assert!(serde_json::from_str::<Object<Region>>(list).is_err());
        let object = r#"{"value":1.0,"new":[],"name":"a","proportion":2.0}"#;
        let Object(region) = serde_json::from_str::<Object<Region>>(object).unwrap();
        assert_eq!(region, Region { name: "a".into(), value: 1.0, proportion: 2.0 });
        let twice = r#"{"name":"a","name":"b","value":1.0,"proportion":2.0}"#;
        assert!(serde_json::from_str::<Object<Region>>(twice).is_err());
    }
}
