//! Values of compose files in one form each, whichever of several they were written in.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::keys::{Form, Rule};
use crate::project::error::{Place, ProjectError};
use crate::quote::quoted;

/// A map; nothing counts as an empty one.
pub(super) fn map<'v>(
    value: &'v Value,
    place: &Place,
) -> Result<Option<&'v Map<String, Value>>, ProjectError> {
    match value {
        Value::Object(map) => Ok(Some(map)),
        Value::Null => Ok(None),
        _ => Err(place.wrong("has to be a map of names and values")),
    }
}

/// A text; numbers and truth values are written out.
pub(super) fn text(value: &Value, place: &Place) -> Result<String, ProjectError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number_text(number)),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(place.wrong("has to be a text")),
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}

/// A list of texts. One text counts as a list if `single` says so.
pub(super) fn texts(
    value: &Value,
    single: bool,
    place: &Place,
) -> Result<Vec<String>, ProjectError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.iter().map(|item| text(item, place)).collect(),
        Value::Object(_) => Err(place.wrong("has to be a list of texts")),
        one if single => Ok(vec![text(one, place)?]),
        _ => Err(place.wrong("has to be a list of texts")),
    }
}

/// Names and values, written as a map or as a list of `name=value`. A name alone has no value.
pub(super) fn pairs(
    value: &Value,
    place: &Place,
) -> Result<BTreeMap<String, Option<String>>, ProjectError> {
    let mut pairs = BTreeMap::new();
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (name, value) in map {
                let value =
                    if value.is_null() { None } else { Some(text(value, &place.key(name))?) };
                pairs.insert(name.clone(), value);
            }
        }
        Value::Array(items) => {
            for item in items {
                let item = text(item, place)?;
                let (name, value) = match item.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (item.as_str(), None),
                };
                pairs.insert(name.to_owned(), value);
            }
        }
        _ => return Err(place.wrong("has to be a map, or a list of name=value")),
    }
    Ok(pairs)
}

/// The same with nothing for values that are missing.
pub(super) fn full_pairs(
    value: &Value,
    place: &Place,
) -> Result<BTreeMap<String, String>, ProjectError> {
    Ok(pairs(value, place)?
        .into_iter()
        .map(|(name, value)| (name, value.unwrap_or_default()))
        .collect())
}

/// Texts as a value.
pub(super) fn list_value(texts: Vec<String>) -> Value {
    Value::Array(texts.into_iter().map(Value::String).collect())
}

/// Pairs as a value.
pub(super) fn map_value(pairs: &BTreeMap<String, String>) -> Value {
    Value::Object(
        pairs.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect(),
    )
}

/// A value in the form that its key has.
pub(super) fn in_form(form: Form, value: &Value, place: &Place) -> Result<Value, ProjectError> {
    match form {
        Form::Any => Ok(value.clone()),
        Form::Text => text(value, place).map(Value::String),
        Form::Bool => boolean(value, place).map(Value::Bool),
        Form::Number => number(value, place),
        Form::Amount => match value {
            Value::Number(_) => Ok(value.clone()),
            Value::String(text) if !text.trim().is_empty() => Ok(value.clone()),
            _ => Err(place.wrong("has to be a number, or a text such as 64m")),
        },
        Form::Texts if value.is_array() => texts(value, true, place).map(list_value),
        Form::Texts => text(value, place).map(Value::String),
        Form::List => texts(value, false, place).map(list_value),
        Form::ListOrOne => texts(value, true, place).map(list_value),
        Form::Pairs => full_pairs(value, place).map(|pairs| map_value(&pairs)),
    }
}

/// True or false, also as the words that variables of `.env` bring.
pub(super) fn boolean(value: &Value, place: &Place) -> Result<bool, ProjectError> {
    let word = match value {
        Value::Bool(value) => return Ok(*value),
        Value::String(word) => word.to_ascii_lowercase(),
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "yes" | "on" | "y" | "1" => Ok(true),
        "false" | "no" | "off" | "n" | "0" => Ok(false),
        _ => Err(place.wrong("has to be true or false")),
    }
}

fn number(value: &Value, place: &Place) -> Result<Value, ProjectError> {
    let parsed = match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => text.trim().parse::<i64>().ok().map(Value::from),
        _ => None,
    };
    parsed.ok_or_else(|| place.wrong("has to be a number"))
}

/// What a table says of a key. Keys that begin with `x-` are anybody's own, and left out.
pub(super) fn rule(table: &[(&str, Rule)], key: &str, place: &Place) -> Result<Rule, ProjectError> {
    if key.starts_with("x-") {
        return Ok(Rule::Silent);
    }
    match table.iter().find(|(known, _)| *known == key) {
        Some((_, Rule::Refused(instead))) => {
            Err(place.wrong(format!("is not supported: {instead}")))
        }
        Some((_, rule)) => Ok(*rule),
        None => Err(place.wrong(format!(
            "is not a key that is known here: correct or remove it{}",
            similar(table, key)
        ))),
    }
}

/// Mentions a key that differs from the unknown one by its case or by hyphens.
fn similar(table: &[(&str, Rule)], key: &str) -> String {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    match table.iter().find(|(known, _)| *known == plain(key)) {
        Some((known, _)) => format!(" (is {} meant?)", quoted(known)),
        None => String::new(),
    }
}
