//! YAML and JSON texts as trees of values, in bounded memory and time however often aliases repeat what is there.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::error::{Place, ProjectError};

/// Values of a text, with all aliases replaced by what they stand for.
const MAX_VALUES: usize = 100_000;
/// Bytes of all names and texts among them.
const MAX_BYTES: usize = 4 << 20;
/// Maps and lists within each other. The parser and everything after it work through them by recursion.
const MAX_DEPTH: usize = 64;

/// Reads a YAML text; JSON is YAML too.
///
/// # Errors
/// If the text is malformed, says a name twice, or becomes too large.
pub(super) fn parse(text: &str, place: &Place) -> Result<Value, ProjectError> {
    let limits = serde_saphyr::budget! {
        max_depth: MAX_DEPTH,
        max_events: 4 * MAX_VALUES,
        max_recorded_anchor_events: 4 * MAX_VALUES,
        max_recorded_anchor_bytes: 4 * MAX_BYTES,
    };
    let aliases = serde_saphyr::alias_limits! {
        max_total_replayed_events: 4 * MAX_VALUES,
        max_replay_stack_depth: MAX_DEPTH,
    };
    let options = serde_saphyr::options! {
        budget: limits,
        alias_limits: aliases,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    let left = Left { values: Cell::new(MAX_VALUES), bytes: Cell::new(MAX_BYTES) };
    let tree = |deserializer: serde_saphyr::Deserializer<'_, '_>| {
        Tree { left: &left, depth: 0 }.deserialize(deserializer)
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, tree).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or_default();
        place.wrong(format!("cannot be read: {}", for_people(reason.trim_start_matches("error: "))))
    })
}

/// A reason of the library's in words for whoever wrote the file, not for who uses the library; with the place, if the
/// library says it.
fn for_people(reason: &str) -> String {
    let words = [
        ("DuplicateKeyPolicy", "a key stands twice"),
        ("from_str_multiple", "there is more than one document"),
        ("recursion", "an alias stands within what it repeats"),
    ];
    let found = words.iter().find(|(sign, _)| reason.contains(sign));
    let Some((_, words)) = found else { return reason.to_owned() };
    let at = reason.rfind(" line ").map_or("", |at| &reason[at..]);
    if at.is_empty() { (*words).to_owned() } else { format!("{words}, at{at}") }
}

/// What may still come.
struct Left {
    values: Cell<usize>,
    bytes: Cell<usize>,
}

impl Left {
    fn take<E: de::Error>(&self, bytes: usize) -> Result<(), E> {
        let values = self.values.get().checked_sub(1);
        let bytes = self.bytes.get().checked_sub(bytes);
        let (Some(values), Some(bytes)) = (values, bytes) else {
            let problem = format!(
                "more than {MAX_VALUES} values or {MAX_BYTES} bytes once aliases are replaced: repeat less"
            );
            return Err(E::custom(problem));
        };
        self.values.set(values);
        self.bytes.set(bytes);
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Tree<'l> {
    left: &'l Left,
    depth: usize,
}

impl Tree<'_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.depth < MAX_DEPTH {
            true => Ok(Tree { depth: self.depth + 1, ..self }),
            false => {
                Err(E::custom(format!("more than {MAX_DEPTH} maps and lists within each other")))
            }
        }
    }

    fn scalar<E: de::Error>(self, value: impl Into<Value>) -> Result<Value, E> {
        let value = value.into();
        self.left.take(value.as_str().map_or(0, str::len))?;
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, a number, a map or a list")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.scalar(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.scalar(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.scalar(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.scalar(value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.scalar(value)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.left.take(0)?;
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.left.take(0)?;
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = items.next_key::<String>()? {
            self.left.take(key.len())?;
            let value = items.next_value_seed(inner)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        parse(text, &Place::file("f.yml")).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_what_compose_takes_them_for() {
        let text = "a: 1\nb: 1.10\nc: yes\nd: 0755\ne: true\nf: ~\ng:\nh: 'x'\ni: [on, -1]\n1: x\nj: 2001-01-01\nk: 22:22\n";
        let expected = json!({
            "a": 1, "b": 1.1, "c": "yes", "d": "0755", "e": true, "f": null, "g": null, "h": "x",
            "i": ["on", -1], "1": "x", "j": "2001-01-01", "k": "22:22"
        });
        assert_eq!(read(text), Ok(expected));
        assert_eq!(read(""), Ok(Value::Null));
        assert_eq!(read("{\"a\": [1, null]}"), Ok(json!({"a": [1, null]})));
    }

    #[test]
    fn anchors_and_merge_keys_are_replaced() {
        let text = "x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\nz: *x\nl:\n  <<: [*x, {c: 4}]\n";
        let expected = json!({
            "x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}, "z": {"a": 1, "b": 2}, "l": {"a": 1, "b": 2, "c": 4}
        });
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let below = vec![format!("*a{}", level - 1); 10].join(",");
            laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        let wide =
            format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 50_000].join(","));
        let merged = "a: &a {b: 1}\nc: {<<: *a}\nd: &d\n  <<: *d\n".to_owned();
        let deep = "[".repeat(100_000);
        let blocks = (0..2000).map(|depth| " ".repeat(depth) + "a:\n").collect::<String>();
        let many = "- x\n".repeat(MAX_VALUES + 1);
        for (name, text) in [
            ("laughs", laughs),
            ("wide", wide),
            ("itself", merged),
            ("self", "a: &a [*a]".to_owned()),
            ("deep", deep),
            ("blocks", blocks),
            ("many", many),
        ] {
            let error = read(&text).expect_err(name);
            assert!(
                error.starts_with("f.yml: cannot be read: ") && error.len() < 500,
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn malformed_texts_are_refused_in_one_line() {
        for text in [
            "a: [",
            "a: 1\na: 2",
            "a: 1\n---\nb: 2",
            "? [a]\n: b",
            "a: .nan",
            "a: &a",
            "a: *b",
            "\t- a: b\n  c",
        ] {
            if let Err(error) = read(text) {
                assert!(
                    !error.contains('\n') && error.starts_with("f.yml: cannot be read"),
                    "{text:?}: {error}"
                );
            }
        }
        assert!(read("a: 1\na: 2").is_err(), "twice");
        assert!(read("a: [").is_err(), "unfinished");
        assert!(read("a: *b").is_err(), "no such anchor");
        assert!(read("a: 1\n---\nb: 2").is_err(), "two documents");
    }
}
