//! Names of images on the command line. A file's name without its transport reads like an image at
//! Docker Hub; nobody is to wait for a registry to find that out.

use std::path::Path;

use remora::image::{ImageError, ImageReference, ReferenceError};

use super::failure::Failure;

/// How names of archives end.
const ARCHIVE_ENDINGS: [&str; 8] =
    [".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.zstd", ".oci"];

/// How paths begin, and names of images do not.
const PATH_STARTS: [&str; 4] = ["/", "./", "../", "~/"];

/// The registry of names that have none of their own.
const DEFAULT_HOST: &str = "docker.io";

/// A name that can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum NameError {
    /// It is no reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// It is, or looks like, a file's.
    #[error("{name} {}, and no transport says how to read it", if *.there { "is a file" } else { "looks like a file's name" })]
    File {
        /// The name.
        name: String,
        /// Whether there is such a file.
        there: bool,
        /// Whether it is to be written.
        output: bool,
    },
    /// It is the name of a folder with an OCI layout in it.
    #[error("{0} is a folder with an OCI layout, and no transport says how to read it")]
    Layout(String),
}

impl NameError {
    /// What a user can do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            NameError::Reference(error) => error.hint(),
            NameError::File { name, output: true, .. } => Some(format!(
                "write oci-archive:{name} or docker-archive:{name}, or oci:{name} for a folder; docker://{name} if a registry is meant"
            )),
            NameError::File { name, .. } => Some(format!(
                "write docker-archive:{name} or oci-archive:{name}; docker://{name} if a registry \
                 is meant"
            )),
            NameError::Layout(name) => {
                Some(format!("write oci:{name}; docker://{name} if a registry is meant"))
            }
        }
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        let hint = error.hint().unwrap_or_default();
        match error {
            NameError::Reference(error) => ImageError::from(error).into(),
            error => Failure::usage(error.to_string(), hint),
        }
    }
}

/// The image that `text` names.
pub(super) fn input(text: &str) -> Result<ImageReference, NameError> {
    refuse_file(text, false)?;
    Ok(text.parse()?)
}

/// The place that `text` names for an image that is to be written.
pub(super) fn output(text: &str) -> Result<ImageReference, NameError> {
    refuse_file(text, true)?;
    Ok(ImageReference::for_output(text)?)
}

/// Refuses what is a file, or looks like one, but would be looked for in a registry.
fn refuse_file(text: &str, output: bool) -> Result<(), NameError> {
    let is_default = match text.parse() {
        _ if text.starts_with("docker:") => return Ok(()),
        Ok(ImageReference::Registry(image)) => image.host() == DEFAULT_HOST,
        Err(ReferenceError::Transport(_)) => return Ok(()),
        Err(_) => true,
        Ok(_) => return Ok(()),
    };
    let path = Path::new(text);
    let there = path.is_file();
    let looks_like_one = || {
        let is_path = PATH_STARTS.iter().any(|start| text.starts_with(start));
        is_path || ARCHIVE_ENDINGS.iter().any(|ending| text.ends_with(ending))
    };
    if there || is_default && looks_like_one() {
        return Err(NameError::File { name: text.to_owned(), there, output });
    }
    match path.join("oci-layout").is_file() {
        true => Err(NameError::Layout(text.to_owned())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_not_looked_for_in_registries() {
        for (text, refused) in [
            ("app.tar", true),
            ("out/app.tar.gz", true),
            ("./app.tar", true),
            ("/tmp/App.tar", true),
            ("./delta", true),
            ("../out/delta", true),
            ("/tmp/delta", true),
            ("~/delta", true),
            ("fixtures/thermostat", true),
            ("fixtures/thermostat-1.0.tar", true),
            ("docker://app.tar", false),
            ("registry.example.com/app.tar", false),
            ("docker-archive:app.tar", false),
            ("app:1.tar", true),
            ("app:1", false),
            ("team/app", false),
        ] {
            let is_file = matches!(input(text), Err(NameError::File { .. } | NameError::Layout(_)));
            assert_eq!(is_file, refused, "{text}");
        }
    }
}
