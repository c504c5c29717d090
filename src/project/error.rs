//! What can be wrong with a project: one line that names the file, the service and the key, and says what to do.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use crate::quote::quoted;
use crate::tar::TarError;

/// Characters of a key or a service's name that a place keeps. Names that devices take are shorter, labels aside.
const MAX_KEY_CHARS: usize = 100;

/// Why a pushed project cannot be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// The bytes are no tar, or a damaged one.
    #[error("the project is not a tar that can be read: {0}")]
    Tar(#[from] TarError),
    /// The tar has more than a limit allows.
    #[error("{0}")]
    TooLarge(TooLarge),
    /// An entry of the tar is not taken.
    #[error("the project's entry {} {problem}", quoted(name))]
    Entry {
        /// The entry's name.
        name: String,
        /// The problem.
        problem: EntryProblem,
    },
    /// A file of the project, or a key in it, is not as it has to be.
    #[error("{place}: {problem}")]
    Wrong {
        /// Where.
        place: Place,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The request names a Dockerfile in a way that makes no sense.
    #[error("dockerfilePath {}: {problem}", quoted(path))]
    DockerfilePath {
        /// What was asked for.
        path: String,
        /// The problem.
        problem: &'static str,
    },
    /// The fleet takes one service only.
    #[error(
        "{file}: the project has {services} services, but the fleet's application type takes one: remove services, or \
         push to a fleet for several containers"
    )]
    OneServiceOnly {
        /// The compose file.
        file: &'static str,
        /// How many services there are.
        services: usize,
    },
}

/// A limit that a project is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooLarge {
    /// Entries.
    #[error(
        "the project has more than {0} files and folders: name what builds do not need in .dockerignore"
    )]
    Entries(usize),
    /// Names in all.
    #[error(
        "the names of the project's files take more than {0} bytes: name what builds do not need in .dockerignore"
    )]
    Names(usize),
    /// A file that is read.
    #[error("{} has {bytes} bytes; at most {limit} are read of such a file", quoted(file))]
    File {
        /// Which.
        file: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
}

/// Why an entry of a tar is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EntryProblem {
    /// The name begins with a slash.
    #[error("has an absolute name: pack the project with relative names")]
    Absolute,
    /// The name leads upwards.
    #[error("has \"..\" in its name: pack the project from its own folder")]
    Upwards,
    /// There is no name.
    #[error("has no name")]
    Nameless,
    /// A file's name ends as a folder's does.
    #[error("is a file whose name ends with a slash")]
    FileNamedAsFolder,
    /// The path is too long.
    #[error("has a path of more than {0} bytes")]
    TooLong(usize),
    /// A name within the path is too long.
    #[error("has a name of more than {0} bytes in its path, which no file system takes")]
    NameTooLong(usize),
    /// Something below a link.
    #[error("lies below a link: pack what the link leads to, or nothing there")]
    BelowLink,
    /// Too many folders.
    #[error("lies more than {0} folders deep")]
    TooDeep(usize),
    /// Another kind of entry.
    #[error("is {0}: a project has files, folders and links only")]
    Kind(&'static str),
    /// A file with holes.
    #[error("is stored with holes: pack the project without a way of its own for sparse files")]
    Sparse,
    /// A hard link to nothing.
    #[error("is a hard link to something that is not before it in the tar")]
    LinkToNothing,
    /// A hard link to what goes into no image.
    #[error(
        "is a hard link to a file of the folder with secrets and settings for builds, which goes into no image"
    )]
    LinkToMetadata,
}

/// Where something is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: Option<usize>,
    /// The service.
    pub(crate) service: Option<String>,
    /// The keys that lead there, with dots between.
    pub(crate) key: Option<String>,
}

impl Place {
    /// A file, as a whole.
    pub(super) fn file(file: &str) -> Self {
        Place { file: file.to_owned(), ..Place::default() }
    }

    /// A line of a file.
    pub(super) fn line(file: &str, line: usize) -> Self {
        Place { line: Some(line), ..Place::file(file) }
    }

    /// A key here; below the key that is named already, if there is one.
    pub(super) fn key(&self, key: &str) -> Self {
        let key = cut(key);
        let key = match &self.key {
            Some(above) => format!("{above}.{key}"),
            None => key.into_owned(),
        };
        Place { key: Some(key), ..self.clone() }
    }

    /// A service here.
    pub(super) fn service(&self, service: &str) -> Self {
        Place { service: Some(cut(service).into_owned()), ..self.clone() }
    }

    /// The error that `problem` is wrong here.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> ProjectError {
        ProjectError::Wrong { place: self.clone(), problem: problem.into() }
    }
}

/// The beginning of a name. Places are made for every key, so that long names must not be copied each time.
fn cut(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(MAX_KEY_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &name[..end])),
        None => Cow::Borrowed(name),
    }
}

impl Display for Place {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let plain =
            |text: &str| text.chars().all(|c| c.is_ascii_graphic() || c == ' ') && text.len() < 200;
        match plain(&self.file) {
            true => out.write_str(&self.file)?,
            false => write!(out, "{}", quoted(&self.file))?,
        }
        if let Some(line) = self.line {
            write!(out, ", line {line}")?;
        }
        if let Some(service) = &self.service {
            write!(out, ": service {}", quoted(service))?;
        }
        match &self.key {
            Some(key) if plain(key) => write!(out, ": {key}"),
            Some(key) => write!(out, ": {}", quoted(key)),
            None => Ok(()),
        }
    }
}
