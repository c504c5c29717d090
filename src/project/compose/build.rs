//! The `build` of a service.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::forms::{full_pairs, in_form, list_value, map_value, pairs, rule};
use super::keys::{BUILD, Rule};
use super::names::{check_labels, check_variables};
use super::reading::Reading;
use super::short::extra_hosts;
use crate::project::error::{Place, ProjectError};
use crate::project::path::ContextPath;
use crate::quote::quoted;

/// What a compose file says of a build.
#[derive(Debug, Default)]
pub(in crate::project) struct Build {
    pub(in crate::project) context: ContextPath,
    pub(in crate::project) dockerfile: Option<String>,
    pub(in crate::project) arguments: BTreeMap<String, String>,
    pub(in crate::project) labels: BTreeMap<String, String>,
    pub(in crate::project) target: Option<String>,
    pub(in crate::project) cache_from: Vec<String>,
    pub(in crate::project) extra_hosts: Vec<String>,
    pub(in crate::project) shm_size: Option<u64>,
    /// The same for the composition.
    pub(super) composed: Map<String, Value>,
}

/// Reads a `build`: a folder, or a map.
///
/// # Errors
/// If a key is not supported, or the folder lies outside the project.
pub(super) fn read(
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Build, ProjectError> {
    let mut build = Build::default();
    match value {
        Value::String(folder) => build.context = context(folder, place)?,
        Value::Object(keys) => {
            for (key, value) in keys {
                build.read_key(key, value, &place.key(key), reading)?;
            }
        }
        _ => return Err(place.wrong("has to be a folder, or a map with one as context")),
    }
    let folder = if build.context.as_str().is_empty() { "." } else { build.context.as_str() };
    build.composed.insert("context".to_owned(), Value::from(folder));
    Ok(build)
}

impl Build {
    fn read_key(
        &mut self,
        key: &str,
        value: &Value,
        place: &Place,
        reading: &mut Reading<'_, '_>,
    ) -> Result<(), ProjectError> {
        let composed = match rule(BUILD, key, place)? {
            Rule::Keep(_) if value.is_null() => None,
            Rule::Keep(form) => {
                let value = in_form(form, value, place)?;
                self.keep(key, &value, place)?;
                Some(value)
            }
            Rule::Own if key == "context" => {
                let folder = super::forms::text(value, place)?;
                self.context = context(&folder, place)?;
                None
            }
            Rule::Own if key == "args" => {
                let known = |name: &str| reading.variables.get(name).cloned();
                let given = pairs(value, place)?.into_iter();
                // An argument without a value leaves the Dockerfile's own, unless .env has one.
                let given = given.filter_map(|(name, value)| {
                    Some((name.clone(), value.or_else(|| known(&name))?))
                });
                self.arguments = given.collect();
                check_variables(&self.arguments, place)?;
                Some(map_value(&self.arguments))
            }
            Rule::Own if key == "labels" => {
                self.labels = full_pairs(value, place)?;
                check_labels(&self.labels, place, reading)?;
                Some(map_value(&self.labels))
            }
            Rule::Own => {
                self.extra_hosts = extra_hosts(value, place)?;
                Some(list_value(self.extra_hosts.clone()))
            }
            Rule::Silent | Rule::Dropped(_) | Rule::Refused(_) => None,
        };
        if let Some(value) = composed {
            self.composed.insert(key.to_owned(), value);
        }
        Ok(())
    }

    fn keep(&mut self, key: &str, value: &Value, place: &Place) -> Result<(), ProjectError> {
        let text = value.as_str().map(str::to_owned);
        match key {
            "dockerfile" => self.dockerfile = text,
            "target" => self.target = text,
            "cache_from" => self.cache_from = super::forms::texts(value, false, place)?,
            _ => {
                self.shm_size =
                    Some(bytes(value).ok_or_else(|| place.wrong("is not a size such as 64m"))?)
            }
        }
        Ok(())
    }
}

/// A context's folder within the project.
fn context(folder: &str, place: &Place) -> Result<ContextPath, ProjectError> {
    let is_remote =
        folder.ends_with(".git") || folder.contains("://") || folder.starts_with("git@");
    if is_remote {
        let problem =
            format!("{} is a remote context: push a folder of the project instead", quoted(folder));
        return Err(place.wrong(problem));
    }
    let outside = || {
        let problem =
            format!("the context {} leads out of the project: name a folder in it", quoted(folder));
        place.wrong(problem)
    };
    ContextPath::new(folder).ok_or_else(outside)
}

/// A size in bytes: a number, or a number with a unit.
fn bytes(value: &Value) -> Option<u64> {
    let Value::String(text) = value else { return value.as_u64() };
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match text[end..].trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    text[..end].parse::<u64>().ok()?.checked_mul(unit)
}
