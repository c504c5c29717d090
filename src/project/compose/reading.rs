//! What is at hand while a compose file is read: the project's files, its variables, and the warnings so far.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::project::dotenv;
use crate::project::error::{Place, ProjectError};
use crate::project::index::ProjectTar;
use crate::project::interpolate::Variables;
use crate::project::path::resolve;

/// The file with the project's own variables.
const VARIABLES_FILE: &str = ".env";
/// Variables that would change what Compose reads. Here they change nothing.
const WITHOUT_EFFECT: [&str; 2] = ["COMPOSE_FILE", "COMPOSE_PROFILES"];
/// Bytes that all texts may become together.
const MAX_FILLED_BYTES: usize = 4 << 20;

/// Bytes that are read for all keys that name files, with what is known before each.
const MAX_FILE_BYTES: usize = 64 << 20;
/// Warnings that are told. Nobody reads more.
const MAX_WARNINGS: usize = 50;

/// What is at hand.
pub(super) struct Reading<'t, 'a> {
    pub(super) tar: &'t ProjectTar<'a>,
    /// What `.env` says. Nothing else has a value.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) warnings: Vec<String>,
    unset: BTreeSet<String>,
    filled_bytes: usize,
    file_bytes: usize,
}

impl<'t, 'a> Reading<'t, 'a> {
    /// Reads the project's variables.
    pub(super) fn new(tar: &'t ProjectTar<'a>) -> Result<Self, ProjectError> {
        let (variables, warnings, unset) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        let mut reading =
            Reading { tar, variables, warnings, unset, filled_bytes: 0, file_bytes: 0 };
        let Some(text) = tar.text(VARIABLES_FILE)? else { return Ok(reading) };
        let pairs = dotenv::read(text, VARIABLES_FILE, &BTreeMap::new(), &mut reading.unset)?;
        reading.variables =
            pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        for name in WITHOUT_EFFECT {
            if reading.variables.contains_key(name) {
                let place = Place::file(VARIABLES_FILE).key(name);
                reading.warn(
                    &place,
                    "has no effect: all of docker-compose.yml is built, and nothing else",
                );
            }
        }
        Ok(reading)
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, place: &Place, text: &str) {
        self.warnings.push(format!("{place}: {text}"));
    }

    /// All warnings, with one for each variable that has no value.
    pub(super) fn into_warnings(self) -> Vec<String> {
        let unset = self.unset.into_iter().map(|name| {
            format!(
                "The \"{name}\" variable is not set. Defaulting to a blank string (values come from the project's .env only)"
            )
        });
        let mut warnings: Vec<String> = self.warnings.into_iter().chain(unset).collect();
        let more = warnings.len().saturating_sub(MAX_WARNINGS);
        if more > 0 {
            warnings.truncate(MAX_WARNINGS);
            warnings.push(format!("and {more} more warnings"));
        }
        warnings
    }

    /// Replaces variables in all texts of a value.
    pub(super) fn fill(&mut self, value: &mut Value, place: &Place) -> Result<(), ProjectError> {
        match value {
            Value::String(text) if text.contains('$') => {
                let variables = &self.variables;
                let lookup = |name: &str| variables.get(name).cloned();
                let mut filler =
                    Variables { lookup: &lookup, unset: std::mem::take(&mut self.unset) };
                let filled = filler.fill(text);
                self.unset = filler.unset;
                *text = filled.map_err(|problem| place.wrong(problem))?;
                self.filled_bytes += text.len();
                match self.filled_bytes > MAX_FILLED_BYTES {
                    true => Err(place.wrong(format!("the file becomes longer than {MAX_FILLED_BYTES} bytes once variables are replaced"))),
                    false => Ok(()),
                }
            }
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.fill(item, place)),
            Value::Object(map) => {
                map.iter_mut().try_for_each(|(key, item)| self.fill(item, &place.key(key)))
            }
            _ => Ok(()),
        }
    }

    /// Reads a file of variables or labels that a key names.
    pub(super) fn file_of_pairs(
        &mut self,
        named: &str,
        known: &BTreeMap<String, String>,
        place: &Place,
    ) -> Result<Option<dotenv::Pairs>, ProjectError> {
        let outside = || {
            place.wrong(format!(
                "{} leads out of the project: name a file in it",
                crate::quote::quoted(named)
            ))
        };
        let path = resolve("", named).filter(|path| !path.is_empty()).ok_or_else(outside)?;
        let Some(text) = self.tar.text(&path)? else { return Ok(None) };
        self.file_bytes +=
            text.len() + known.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if self.file_bytes > MAX_FILE_BYTES {
            return Err(place.wrong(format!(
                "more than {MAX_FILE_BYTES} bytes of variables are read: name fewer files"
            )));
        }
        dotenv::read(text, &path, known, &mut self.unset).map(Some)
    }
}
