//! Names that devices take. A supervisor that finds another one rejects everything that it is told.

use std::collections::BTreeMap;

use super::reading::Reading;
use crate::project::error::{Place, ProjectError};
use crate::project::limits::{MAX_LABEL_CHARS, MAX_VARIABLE_CHARS};
use crate::quote::quoted;

/// Characters of a service's name.
const MAX_SERVICE_NAME: usize = 63;
/// Characters of a variable's or a label's name.
const MAX_NAME: usize = 255;
/// Labels of balena's own.
const PRIVATE: &str = "io.balena.private";

/// Checks the name of a service.
pub(super) fn check_service(name: &str, place: &Place) -> Result<(), ProjectError> {
    check_plain(name, "service", place)?;
    if name.len() > MAX_SERVICE_NAME {
        return Err(place.wrong(format!(
            "the service name {} is longer than {MAX_SERVICE_NAME} characters",
            quoted(name)
        )));
    }
    Ok(())
}

/// Checks the name of a service, network or volume.
pub(super) fn check_plain(name: &str, what: &str, place: &Place) -> Result<(), ProjectError> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_part) {
        true => Ok(()),
        false => Err(place.wrong(format!(
            "the {what} name {} is not one: letters, digits, \"_\", \".\" and \"-\", a letter or digit first",
            quoted(name)
        ))),
    }
}

/// Checks variables of a service, or arguments of its build.
pub(in crate::project) fn check_variables(
    variables: &BTreeMap<String, String>,
    place: &Place,
) -> Result<(), ProjectError> {
    for (name, value) in variables {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.chars().all(is_part) || name.len() > MAX_NAME {
            return Err(place.wrong(format!(
                "{} is not a variable name: letters, digits and \"_\", no digit first, at most {MAX_NAME} characters",
                quoted(name)
            )));
        }
        if value.chars().count() > MAX_VARIABLE_CHARS {
            return Err(place
                .key(name)
                .wrong(format!("is longer than {MAX_VARIABLE_CHARS} characters")));
        }
    }
    Ok(())
}

/// Checks labels, and warns of those that are balena's own.
pub(super) fn check_labels(
    labels: &BTreeMap<String, String>,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<(), ProjectError> {
    for (name, value) in labels {
        let is_part = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '`');
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_part) {
            return Err(place.wrong(format!(
                "{} is not a label name: printable ASCII without spaces and quotation marks, at most {MAX_NAME} characters",
                quoted(name)
            )));
        }
        if value.chars().count() > MAX_LABEL_CHARS {
            return Err(place
                .key(name)
                .wrong(format!("is longer than {MAX_LABEL_CHARS} characters")));
        }
        if name.starts_with(PRIVATE) {
            reading.warn(
                &place.key(name),
                "labels that begin with io.balena.private are reserved for balena",
            );
        }
    }
    Ok(())
}
