//! The query of a delta request: which two images, and whether to wait to the end.
//!
//! Clients write references as they are, others percent-encode them; both are taken
//! (docs/openbalena.md, "The request"). Only the configured registry may be named, or its
//! credentials would go to whoever names a host. What is not understood is refused before anything
//! is contacted.

use crate::image::{Digest, RegistryReference};

/// Two references of the longest kind, percent-encoded throughout, stay below this.
const MAX_QUERY: usize = 8 * 1024;
/// A host (253 and a port), a repository (255), a tag (128) and a digest (71) with what is between
/// them, which is the longest a reference can be.
const MAX_REFERENCE: usize = 720;
/// How much of a refused reference is told back.
const SHOWN: usize = 80;
/// Stands for the configured host while a reference's grammar is checked: the rules that complete
/// short names to Docker Hub must not apply, and the real host may be one that they take for a
/// repository, such as `registry`.
const SOME_HOST: &str = "registry.invalid";

/// The content of a request for a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaQuery {
    /// The image that the device has (`src`).
    pub source: NamedImage,
    /// The image that it should get (`dest`).
    pub target: NamedImage,
    /// Whether to answer only when the delta is made or cannot be made (`wait`).
    pub wait: bool,
}

/// An image of the configured registry, as a client named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedImage {
    /// The repository, without the host.
    pub repository: String,
    /// The manifest in the repository.
    pub version: ImageVersion,
    /// The reference as it was asked for, percent-decoded and otherwise untouched: an answer that
    /// names this image must name it in the client's words.
    pub text: String,
}

/// The name of a manifest in a repository. A digest decides, whatever the tag beside it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageVersion {
    /// The one that this tag names now; `latest` if nothing was said.
    Tag(String),
    /// This one.
    Digest(Digest),
}

/// Why a query is refused. The texts quote what was asked for in part and escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Longer than any honest one.
    #[error("the query is longer than {MAX_QUERY} bytes")]
    TooLong,
    /// A `%` without two hex digits, or bytes that are no UTF-8.
    #[error("the query is not percent-encoded UTF-8")]
    Encoding,
    /// A parameter that must be there is not, or is empty.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter that is there twice: which one counts would be a guess.
    #[error("the parameter {0} is given more than once")]
    Repeated(&'static str),
    /// A `wait` that is neither yes nor no.
    #[error("the parameter wait is neither true nor false")]
    Wait,
    /// An image ID of balenaCloud's database in place of a reference.
    #[error(
        "{parameter} is a numeric image id; image references of the form host/v2/<name>@sha256:<digest> are needed"
    )]
    NumericId {
        /// The name of the parameter.
        parameter: &'static str,
    },
    /// An image of another registry, which is never contacted.
    #[error("{parameter} {reference:?} is not in the registry {registry}")]
    OtherHost {
        /// The name of the parameter.
        parameter: &'static str,
        /// The parameter's value, shortened.
        reference: String,
        /// The registry that we serve.
        registry: String,
    },
    /// No image reference.
    #[error("{parameter} {reference:?} is not an image reference")]
    Reference {
        /// The name of the parameter.
        parameter: &'static str,
        /// The parameter's value, shortened.
        reference: String,
    },
}

impl DeltaQuery {
    /// The request for the delta between two images that are named one by one.
    ///
    /// # Errors
    /// If `source` or `target` is missing, or is no reference to an image in the registry `registry_host`.
    pub fn of(source: &str, target: &str, registry_host: &str) -> Result<Self, QueryError> {
        Ok(DeltaQuery {
            source: NamedImage::parse("src", source, registry_host)?,
            target: NamedImage::parse("dest", target, registry_host)?,
            wait: false,
        })
    }

    /// Reads the part of a URL after `?`, as it came. Parameters with other names are ignored.
    ///
    /// # Errors
    /// If the query is too long or not well-formed, or a parameter is missing, repeated or has a value that
    /// it cannot have.
    pub fn parse(query: &str, registry_host: &str) -> Result<Self, QueryError> {
        if query.len() > MAX_QUERY {
            return Err(QueryError::TooLong);
        }
        let parameters = Parameters::read(query)?;
        let image = |parameter| {
            let text = parameters.only(parameter)?.unwrap_or_default();
            NamedImage::parse(parameter, text, registry_host)
        };
        Ok(DeltaQuery {
            source: image("src")?,
            target: image("dest")?,
            wait: wait(parameters.only("wait")?)?,
        })
    }
}

fn wait(value: Option<&str>) -> Result<bool, QueryError> {
    match value {
        Some("true" | "1") => Ok(true),
        None | Some("false" | "0" | "") => Ok(false),
        Some(_) => Err(QueryError::Wait),
    }
}

impl NamedImage {
    /// Reads a reference in `parameter`, which must name an image of this registry. Host names are
    /// compared without regard to case, as DNS does, and with their port as it is written.
    fn parse(parameter: &'static str, text: &str, registry: &str) -> Result<Self, QueryError> {
        let refused = || QueryError::Reference { parameter, reference: shown(text) };
        if text.is_empty() {
            return Err(QueryError::Missing(parameter));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(QueryError::NumericId { parameter });
        }
        // The grammar's expression takes letters of any alphabet in a tag.
        if text.len() > MAX_REFERENCE || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused());
        }
        let (host, rest) = text.split_once('/').ok_or_else(refused)?;
        if !host.eq_ignore_ascii_case(registry) {
            let registry = registry.to_owned();
            return Err(QueryError::OtherHost { parameter, reference: shown(text), registry });
        }
        let reference: RegistryReference =
            format!("{SOME_HOST}/{rest}").parse().map_err(|_| refused())?;
        Ok(NamedImage {
            repository: reference.repository().to_owned(),
            version: ImageVersion::of(&reference).ok_or_else(refused)?,
            text: text.to_owned(),
        })
    }
}

/// What is told back, and logged, of a refused reference: its beginning, without the name and
/// password that may stand before a host.
fn shown(text: &str) -> String {
    let host = text.split('/').next().unwrap_or_default();
    let start = host.rfind('@').map_or(0, |at| at + 1);
    text[start..].chars().take(SHOWN).collect()
}

impl ImageVersion {
    fn of(reference: &RegistryReference) -> Option<Self> {
        let tag = || reference.tag().map(|tag| ImageVersion::Tag(tag.to_owned()));
        reference.digest().map(ImageVersion::Digest).or_else(tag)
    }
}

/// A query's parameters, decoded.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(query: &str) -> Result<Self, QueryError> {
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        let decoded = parameters.map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            Ok((decoded(name)?, decoded(value)?))
        });
        Ok(Parameters(decoded.collect::<Result<_, _>>()?))
    }

    /// The value of a parameter that may be there once.
    fn only(&self, name: &'static str) -> Result<Option<&str>, QueryError> {
        let mut values = self.0.iter().filter(|(given, _)| given == name);
        let value = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() {
            return Err(QueryError::Repeated(name));
        }
        Ok(value)
    }
}

/// Percent-decodes once (RFC 3986, section 2.1). `+` stays as it is: no reference has a space.
fn decoded(text: &str) -> Result<String, QueryError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = hex_digit(rest.next()).ok_or(QueryError::Encoding)?;
                let low = hex_digit(rest.next()).ok_or(QueryError::Encoding)?;
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| QueryError::Encoding)
}

fn hex_digit(byte: Option<u8>) -> Option<u8> {
    let digit = char::from(byte?).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests;
