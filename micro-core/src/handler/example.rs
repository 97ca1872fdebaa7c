//! An example of a payload, made from its type alone.
//!
//! A person who starts a service should see a call that they can copy. The type says what it looks
//! like: it is asked to deserialize itself from a reader that has no input, answers each question
//! with something plausible, and writes down what it answered.

use std::fmt;
use std::panic::catch_unwind;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Map, Value};

/// How deep an example goes before optional parts and lists are left empty; types may be recursive.
const DEPTH: usize = 4;

/// The body of a request that a `T` can be read from, if one can be made up.
pub(crate) fn example<T: DeserializeOwned>() -> Option<String> {
    // A user's `Deserialize` may panic on what it is given.
    let value = catch_unwind(|| {
        let mut sketch = Sketch::default();
        T::deserialize(&mut sketch).ok()?;
        T::deserialize(&sketch.written).ok()?;
        Some(sketch.written)
    })
    .ok()
    .flatten()?;
    Some(if value.is_null() {
        String::new()
    } else {
        value.to_string()
    })
}

/// The example of an endpoint that reads no payload.
pub fn no_payload() -> Option<String> {
    Some(String::new())
}

/// The example of an endpoint whose payload is any bytes.
pub fn any_payload() -> Option<String> {
    None
}

/// A reader that makes its input up.
#[derive(Default)]
struct Sketch {
    /// What it answered last.
    written: Value,
    /// The field that is being asked for: the best text there is for it.
    field: &'static str,
    depth: usize,
    numbers: u8,
}

/// The type asked for something that cannot be made up.
#[derive(Debug)]
struct NoIdea;

impl fmt::Display for NoIdea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no idea")
    }
}

impl std::error::Error for NoIdea {}

impl de::Error for NoIdea {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Sketch {
    /// 1, 2, 3: `{"a":1,"b":2}` reads better than zeros, and no type is too small for them.
    fn number(&mut self) -> u8 {
        self.numbers = if self.numbers < 9 {
            self.numbers + 1
        } else {
            1
        };
        self.written = self.numbers.into();
        self.numbers
    }

    fn text(&mut self) -> &'static str {
        let text = if self.field.is_empty() {
            "text"
        } else {
            self.field
        };
        self.written = text.into();
        text
    }

    fn deeper<T>(&mut self, ask: impl FnOnce(&mut Self) -> Result<T, NoIdea>) -> Result<T, NoIdea> {
        self.depth += 1;
        // A type that must contain itself has no finite value.
        let answer = if self.depth > DEPTH * 4 {
            Err(NoIdea)
        } else {
            ask(self)
        };
        self.depth -= 1;
        answer
    }

    fn list<'de, V: Visitor<'de>>(
        &mut self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        self.deeper(|sketch| {
            let mut items = Items {
                sketch,
                left: length,
                written: Vec::new(),
            };
            let value = visitor.visit_seq(&mut items)?;
            let written = items.written;
            sketch.written = Value::Array(written);
            Ok(value)
        })
    }

    fn object<'de, V: Visitor<'de>>(
        &mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        self.deeper(|sketch| {
            let mut object = Fields {
                sketch,
                left: fields.iter(),
                field: "",
                written: Map::new(),
            };
            let value = visitor.visit_map(&mut object)?;
            let written = object.written;
            sketch.written = Value::Object(written);
            Ok(value)
        })
    }
}

/// Answers with a number.
macro_rules! numbers {
    ($($ask:ident => $answer:ident),* $(,)?) => {$(
        fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
            visitor.$answer(self.number().into())
        }
    )*};
}

/// Answers with a text.
macro_rules! texts {
    ($($ask:ident),* $(,)?) => {$(
        fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
            visitor.visit_str(self.text())
        }
    )*};
}

/// Says that it has no idea.
macro_rules! unknown {
    ($($ask:ident),* $(,)?) => {$(
        fn $ask<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoIdea> {
            Err(NoIdea)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Sketch {
    type Error = NoIdea;

    numbers! {
        deserialize_i8 => visit_i64,
        deserialize_i16 => visit_i64,
        deserialize_i32 => visit_i64,
        deserialize_i64 => visit_i64,
        deserialize_i128 => visit_i64,
        deserialize_u8 => visit_u64,
        deserialize_u16 => visit_u64,
        deserialize_u32 => visit_u64,
        deserialize_u64 => visit_u64,
        deserialize_u128 => visit_u64,
        deserialize_f32 => visit_f64,
        deserialize_f64 => visit_f64,
    }

    texts! { deserialize_str, deserialize_string, deserialize_identifier }

    unknown! { deserialize_any, deserialize_bytes, deserialize_byte_buf }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
        self.written = true.into();
        visitor.visit_bool(true)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
        self.written = "x".into();
        visitor.visit_char('x')
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
        if self.depth > DEPTH {
            self.written = Value::Null;
            return visitor.visit_none();
        }
        self.deeper(|sketch| visitor.visit_some(sketch))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
        self.written = Value::Null;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        self.deeper(|sketch| visitor.visit_newtype_struct(sketch))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
        let length = usize::from(self.depth <= DEPTH);
        self.list(length, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        self.list(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        self.list(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
        self.object(&[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        self.object(fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        let variant = variants.first().copied().ok_or(NoIdea)?;
        self.deeper(|sketch| visitor.visit_enum(Variant { sketch, variant }))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoIdea> {
        self.deserialize_unit(visitor)
    }
}

/// The items of a list.
struct Items<'a> {
    sketch: &'a mut Sketch,
    left: usize,
    written: Vec<Value>,
}

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = NoIdea;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NoIdea> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let value = seed.deserialize(&mut *self.sketch)?;
        self.written.push(self.sketch.written.take());
        Ok(Some(value))
    }
}

/// The fields of an object.
struct Fields<'a> {
    sketch: &'a mut Sketch,
    left: std::slice::Iter<'static, &'static str>,
    field: &'static str,
    written: Map<String, Value>,
}

impl<'de> MapAccess<'de> for &mut Fields<'_> {
    type Error = NoIdea;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NoIdea> {
        let Some(field) = self.left.next() else {
            return Ok(None);
        };
        self.field = field;
        let key: StrDeserializer<'_, NoIdea> = self.field.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NoIdea> {
        self.sketch.field = self.field;
        let value = seed.deserialize(&mut *self.sketch)?;
        let written = self.sketch.written.take();
        self.written.insert(self.field.to_owned(), written);
        Ok(value)
    }
}

/// The first variant of an enum.
struct Variant<'a> {
    sketch: &'a mut Sketch,
    variant: &'static str,
}

impl Variant<'_> {
    /// `{"Variant": content}`.
    fn wrap(sketch: &mut Sketch, variant: &str) {
        let content = sketch.written.take();
        sketch.written = Value::Object(Map::from_iter([(variant.to_owned(), content)]));
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = NoIdea;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), NoIdea> {
        let name: StrDeserializer<'_, NoIdea> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = NoIdea;

    fn unit_variant(self) -> Result<(), NoIdea> {
        self.sketch.written = self.variant.into();
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NoIdea> {
        let value = seed.deserialize(&mut *self.sketch)?;
        Self::wrap(self.sketch, self.variant);
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, NoIdea> {
        let value = self.sketch.list(length, visitor)?;
        Self::wrap(self.sketch, self.variant);
        Ok(value)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoIdea> {
        let value = self.sketch.object(fields, visitor)?;
        Self::wrap(self.sketch, self.variant);
        Ok(value)
    }
}

#[cfg(test)]
#[allow(dead_code, reason = "the types are only read")]
mod tests {
    use std::collections::HashMap;
    use std::net::IpAddr;

    use serde::Deserialize;

    use super::example;

    #[derive(Deserialize)]
    struct Pair {
        a: f64,
        b: u8,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Order {
        customer_name: String,
        lines: Vec<Pair>,
        size: Size,
        shape: Shape,
        note: Option<String>,
        by_key: HashMap<String, u8>,
        paid: (bool, char),
    }

    #[derive(Deserialize)]
    enum Size {
        Small,
        Large,
    }

    #[derive(Deserialize)]
    enum Shape {
        Round { radius: i64 },
        Flat,
    }

    #[derive(Deserialize)]
    struct Tree {
        value: u8,
        children: Vec<Tree>,
        next: Option<Box<Tree>>,
    }

    #[derive(Deserialize)]
    struct Endless {
        next: Box<Endless>,
    }

    #[derive(Deserialize)]
    struct Address {
        ip: IpAddr,
    }

    #[test]
    fn a_type_says_what_it_looks_like() {
        assert_eq!(example::<Pair>().as_deref(), Some(r#"{"a":1,"b":2}"#));
        assert_eq!(example::<String>().as_deref(), Some(r#""text""#));
        assert_eq!(example::<()>().as_deref(), Some(""));
        assert_eq!(
            example::<Order>().as_deref(),
            Some(
                r#"{"byKey":{},"customerName":"customerName","lines":[{"a":1,"b":2}],"note":"note","paid":[true,"x"],"shape":{"Round":{"radius":3}},"size":"Small"}"#
            )
        );
    }

    #[test]
    fn recursion_ends() {
        let tree = example::<Tree>().unwrap();
        assert!(serde_json::from_str::<Tree>(&tree).is_ok(), "{tree}");
        assert_eq!(example::<Endless>(), None);
    }

    #[test]
    fn what_cannot_be_made_up_is_not() {
        assert_eq!(example::<Address>(), None);
        assert_eq!(example::<serde_json::Value>(), None);
        assert_eq!(example::<bytes::Bytes>(), None);
    }
}
