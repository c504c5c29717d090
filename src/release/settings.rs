//! The way to an openBalena installation, as a caller says or as the user's surroundings have it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ReleaseError;
use super::data_folder::{BalenaSettings, read_token};
use super::session_token;
use crate::api::Secret;

/// The variable with an API key or a session's token.
const TOKEN_VARIABLE: &str = "BALENA_API_KEY";

/// Where an installation is, and who asks. Made with [`new`](ReleaseSettings::new) or
/// [`from_surroundings`](ReleaseSettings::from_surroundings).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReleaseSettings {
    /// The URL of the API.
    pub api: String,
    /// The URL of the delta server.
    pub delta_server: String,
    /// An API key, or the token of a session.
    pub token: Secret,
    /// The builder credential of the delta server; without one the user's own tokens for the registry are
    /// shown there.
    pub builder: Option<Secret>,
    /// A PEM file of certificate authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether plain HTTP may be spoken to a registry that is not on this machine.
    pub plain_http: bool,
}

impl ReleaseSettings {
    /// The settings of an installation whose API and delta server are at these URLs.
    pub fn new(api: &str, delta_server: &str, token: Secret) -> Self {
        ReleaseSettings {
            api: api.to_owned(),
            delta_server: delta_server.to_owned(),
            token,
            builder: None,
            ca_file: None,
            plain_http: false,
        }
    }

    /// The settings as the balena CLI has them: the variables `BALENARC_BALENA_URL`, `BALENARC_API_URL`
    /// and `BALENARC_DELTA_URL`, then `~/.balenarc.yml`. The token is that in `token_file`, in the variable
    /// `BALENA_API_KEY`, or of the session that `balena login` began, in this order. Nothing is read from
    /// the current folder.
    ///
    /// # Errors
    /// [`ReleaseError::NotLoggedIn`] if there is no token, [`ReleaseError::SessionOver`] if it has ended,
    /// [`ReleaseError::File`] or [`ReleaseError::Settings`] if a file cannot be read or understood.
    pub fn from_surroundings(token_file: Option<&Path>) -> Result<Self, ReleaseError> {
        Self::from_variables(token_file, &|name| env::var_os(name))
    }

    fn from_variables(
        token_file: Option<&Path>,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ReleaseError> {
        let balena = BalenaSettings::read(variable)?;
        let token = match token_file {
            Some(path) => Some(read_token(path)?.ok_or_else(|| no_token_in(path))?),
            None => None,
        };
        let in_variable = || {
            let text = variable(TOKEN_VARIABLE)?.into_string().ok()?;
            (!text.trim().is_empty()).then(|| Secret::new(text.trim()))
        };
        let token = match token.or_else(in_variable) {
            Some(token) => token,
            None => balena.session()?.ok_or(ReleaseError::NotLoggedIn)?,
        };
        lasting(&token)?;
        Ok(Self::new(&balena.api(), &balena.delta_server(), token))
    }

    /// The settings of an installation whose API and delta server are at these URLs, with the token in a
    /// file.
    ///
    /// # Errors
    /// [`ReleaseError::SessionOver`] if the token has ended, [`ReleaseError::File`] or
    /// [`ReleaseError::Settings`] if the file cannot be read or holds no token.
    pub fn with_token_file(
        api: &str,
        delta_server: &str,
        token_file: &Path,
    ) -> Result<Self, ReleaseError> {
        let token = read_token(token_file)?.ok_or_else(|| no_token_in(token_file))?;
        lasting(&token)?;
        Ok(Self::new(api, delta_server, token))
    }

    /// The settings after `change`.
    #[must_use]
    pub fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// Fails if the token says that it has ended.
fn lasting(token: &Secret) -> Result<(), ReleaseError> {
    match session_token::is_over(token) {
        true => Err(ReleaseError::SessionOver),
        false => Ok(()),
    }
}

fn no_token_in(path: &Path) -> ReleaseError {
    let reason = "there is no such file, or no token in it".to_owned();
    ReleaseError::Settings { path: path.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn found(
        token_file: Option<&Path>,
        set: &[(&str, String)],
    ) -> Result<ReleaseSettings, ReleaseError> {
        ReleaseSettings::from_variables(token_file, &|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn a_named_file_wins_over_the_variable_and_that_over_the_session() {
        let home = tempfile::tempdir().expect("a folder");
        let path = |name: &str| home.path().join(name);
        std::fs::create_dir(path(".balena")).expect("made");
        std::fs::write(path(".balena/token"), "of-session").expect("written");
        std::fs::write(path("key"), "of-file\n").expect("written");
        let home = ("HOME", home.path().display().to_string());
        let key = ("BALENA_API_KEY", "of-variable".to_owned());
        let file = path("key");
        let token = |file, set: &[_]| found(file, set).expect("a token").token.reveal().to_owned();
        assert_eq!(token(Some(&*file), &[home.clone(), key.clone()]), "of-file");
        assert_eq!(token(None, &[home.clone(), key]), "of-variable");
        assert_eq!(token(None, std::slice::from_ref(&home)), "of-session");
        std::fs::write(path(".balena/token"), "").expect("written");
        assert!(matches!(found(None, &[home]), Err(ReleaseError::NotLoggedIn)));
    }

    #[test]
    fn a_session_that_is_over_is_told_before_anybody_is_asked() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000}"#);
        let set = [("BALENA_API_KEY", format!("e30.{claims}.c2ln"))];
        assert!(matches!(found(None, &set), Err(ReleaseError::SessionOver)));
    }
}
