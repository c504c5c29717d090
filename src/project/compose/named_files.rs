//! Files of variables or labels that keys of a service name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::forms::{boolean, map, text};
use super::reading::Reading;
use crate::project::error::{Place, ProjectError};
use crate::quote::quoted;

/// The files that a key names: a path, or a list of paths and of maps with a path and whether it has to be there.
pub(super) fn files(
    value: Option<&Value>,
    place: &Place,
) -> Result<Vec<(String, bool)>, ProjectError> {
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    items.iter().map(|item| file(item, place)).collect()
}

fn file(item: &Value, place: &Place) -> Result<(String, bool), ProjectError> {
    if !item.is_object() {
        return Ok((text(item, place)?, true));
    }
    let (mut path, mut required) = (None, true);
    for (key, value) in map(item, place)?.into_iter().flatten() {
        let inner = place.key(key);
        match key.as_str() {
            "path" => path = Some(text(value, &inner)?),
            "required" => required = boolean(value, &inner)?,
            "format" => return Err(inner.wrong("is not supported: remove it")),
            _ => return Err(inner.wrong("is not a key that is known here: correct or remove it")),
        }
    }
    Ok((path.ok_or_else(|| place.wrong("names no path"))?, required))
}

pub(super) fn read_pairs(
    path: &str,
    required: bool,
    known: &BTreeMap<String, String>,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Vec<(String, Option<String>)>, ProjectError> {
    match reading.file_of_pairs(path, known, place)? {
        Some(pairs) => Ok(pairs),
        None if required => {
            let problem = format!(
                "{} is not in the project: add it, or see whether .dockerignore names it",
                quoted(path)
            );
            Err(place.wrong(problem))
        }
        None => Ok(Vec::new()),
    }
}
