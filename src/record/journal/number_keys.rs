//! Maps with numeric keys. JSON stores the keys as strings, and serde does not convert them back inside a tagged
//! enum, because it buffers the fields before it knows their types.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::U64Deserializer;
use serde::de::{Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// For `#[serde(deserialize_with = …)]`: keys are numbers, or strings that contain numbers.
pub(in crate::record) fn deserialize<'de, D, K, V>(
    deserializer: D,
) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    deserializer.deserialize_map(MapVisitor(PhantomData))
}

struct MapVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Visitor<'de> for MapVisitor<K, V> {
    type Value = BTreeMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose keys are numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((NumericKey(key), value)) = entries.next_entry()? {
            let key: U64Deserializer<A::Error> = key.into_deserializer();
            map.insert(K::deserialize(key)?, value);
        }
        Ok(map)
    }
}

struct NumericKey(u64);

impl<'de> Deserialize<'de> for NumericKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumericKeyVisitor;

        impl Visitor<'_> for NumericKeyVisitor {
            type Value = NumericKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, as a key")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<NumericKey, E> {
                Ok(NumericKey(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<NumericKey, E> {
                text.parse().map(NumericKey).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(NumericKeyVisitor)
    }
}
