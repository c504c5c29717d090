//! Keys of a service with small rules of their own.

use serde_json::{Map, Value};

use super::forms::{in_form, map, rule, text};
use super::keys::{Form, Rule};
use super::reading::Reading;
use crate::project::error::{Place, ProjectError};

/// From here down, a device's own processes are ended before the service when memory is short.
const LOW_OOM_SCORE: i64 = -900;

/// Keys that a table has rules for.
pub(super) fn table(
    table: &[(&str, Rule)],
    value: &Value,
    place: &Place,
) -> Result<Map<String, Value>, ProjectError> {
    let mut composed = Map::new();
    for (key, value) in map(value, place)?.into_iter().flatten() {
        let inner = place.key(key);
        if let Rule::Keep(form) = rule(table, key, &inner)?
            && !value.is_null()
        {
            composed.insert(key.clone(), in_form(form, value, &inner)?);
        }
    }
    Ok(composed)
}

/// A list with more texts at its end.
pub(super) fn joined(list: Option<&Value>, more: Vec<String>) -> Value {
    let before = list.and_then(Value::as_array).cloned().unwrap_or_default();
    Value::Array(before.into_iter().chain(more.into_iter().map(Value::String)).collect())
}

pub(super) fn ipc(value: &Value, place: &Place) -> Result<Value, ProjectError> {
    let ipc = text(value, place)?;
    match ipc.trim().starts_with("service:") {
        true => {
            Err(place
                .wrong("names a service, which is not supported: use shareable, host or private"))
        }
        false => Ok(Value::String(ipc)),
    }
}

pub(super) fn pids_limit(value: &Value, place: &Place) -> Result<Value, ProjectError> {
    let limit = in_form(Form::Number, value, place)?;
    match limit.as_f64().is_some_and(|limit| limit < 0.0) {
        true => Err(place.wrong("is negative, which is not supported: remove it for no limit")),
        false => Ok(limit),
    }
}

pub(super) fn oom_score(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Value, ProjectError> {
    let score = in_form(Form::Number, value, place)?;
    if score.as_i64().is_some_and(|score| score <= LOW_OOM_SCORE) {
        reading.warn(
            place,
            "is so low that the device's own processes may be ended before the service",
        );
    }
    Ok(score)
}
