//! Which Dockerfile a service is built from, and what it says once names are put in.

use super::error::{Place, ProjectError};
use super::index::{ProjectTar, is_metadata};
use super::path::{ContextPath, resolve};
use super::plan::Circumstances;
use super::template;

/// The name of a Dockerfile if none is given.
const USUAL: &str = "Dockerfile";
/// The ending of templates.
const TEMPLATE: &str = "template";

/// A Dockerfile that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The name within the context, without the ending of a template.
    pub(super) name: String,
    /// The path of what was found, within the project.
    pub(super) path: String,
    pub(super) text: String,
    /// How it was found, in the API's words.
    pub(super) project_type: &'static str,
}

/// Where to look for a service's Dockerfile.
pub(super) struct Wanted<'a> {
    pub(super) service: &'a str,
    pub(super) context: &'a ContextPath,
    /// The name within the context, if one is given.
    pub(super) given: Option<&'a str>,
    /// Where a Dockerfile that is missing is complained of.
    pub(super) place: &'a Place,
}

/// How names of Dockerfiles end, the strongest first.
fn endings(circumstances: &Circumstances) -> [(&str, &'static str); 3] {
    [
        (&circumstances.device_type, "Architecture-specific Dockerfile"),
        (&circumstances.architecture, "Architecture-specific Dockerfile"),
        (TEMPLATE, "Dockerfile.template"),
    ]
}

/// Finds a service's Dockerfile.
///
/// # Errors
/// If there is none, or what is there cannot be used.
pub(super) fn find(
    tar: &ProjectTar<'_>,
    wanted: &Wanted<'_>,
    circumstances: &Circumstances,
) -> Result<Found, ProjectError> {
    let name = match wanted.given {
        Some(given) => resolve("", given).filter(|name| !name.is_empty()),
        None => Some(USUAL.to_owned()),
    };
    let outside = "leads out of the build context: name a Dockerfile within the context";
    let name = name.ok_or_else(|| wanted.place.wrong(outside))?;
    for (ending, project_type) in endings(circumstances) {
        // A name that has the ending already is a template itself.
        let own = name
            .strip_suffix(ending)
            .and_then(|bare| bare.strip_suffix('.'))
            .filter(|bare| !bare.is_empty());
        let longer = format!("{name}.{ending}");
        let own = own.map(|bare| (bare.to_owned(), name.clone()));
        for (bare, file) in own.into_iter().chain([(name.clone(), longer)]) {
            if let Some((path, text)) = read(tar, wanted.context, &file)? {
                let text = template::fill(text, &path, &variables(wanted.service, circumstances))?;
                return Ok(Found { name: bare, path, text, project_type });
            }
        }
    }
    match read(tar, wanted.context, &name)? {
        Some((path, text)) => {
            Ok(Found { name, path, text: text.to_owned(), project_type: "Standard Dockerfile" })
        }
        None => Err(wanted.place.wrong(missing(tar, wanted))),
    }
}

/// The text at `name` within the context.
fn read<'a>(
    tar: &ProjectTar<'a>,
    context: &ContextPath,
    name: &str,
) -> Result<Option<(String, &'a str)>, ProjectError> {
    let path = context.join(name);
    if is_metadata(path.as_bytes()) {
        return Ok(None);
    }
    Ok(tar.text(&path)?.map(|text| (path, text)))
}

fn missing(tar: &ProjectTar<'_>, wanted: &Wanted<'_>) -> String {
    let context = match wanted.context.as_str() {
        "" => "the project's folder".to_owned(),
        folder => format!("the folder {folder}"),
    };
    match wanted.given {
        Some(given) => {
            format!("Specified file not found or is invalid: {given} (looked for in {context})")
        }
        None if tar.has(&wanted.context.join("package.json")) => {
            format!(
                "Could not find a Dockerfile for this service in {context}: projects with nothing but a package.json are not built; add a Dockerfile"
            )
        }
        None => format!(
            "Could not find a Dockerfile for this service in {context}: add one, or set dockerfile"
        ),
    }
}

/// The names that templates may use.
fn variables<'a>(
    service: &'a str,
    circumstances: &'a Circumstances,
) -> [(&'static str, &'a str); 7] {
    [
        ("BALENA_MACHINE_NAME", &circumstances.device_type),
        ("RESIN_MACHINE_NAME", &circumstances.device_type),
        ("BALENA_ARCH", &circumstances.architecture),
        ("RESIN_ARCH", &circumstances.architecture),
        ("BALENA_SERVICE_NAME", service),
        ("BALENA_APP_NAME", &circumstances.fleet_name),
        ("BALENA_RELEASE_HASH", &circumstances.commit),
    ]
}

#[cfg(test)]
mod tests;
