//! The settings and the session that the balena CLI keeps in the user's home.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ReleaseError;
use crate::api::Secret;
use crate::small_file::read_small_text;

/// Bytes of a settings file, or of a file with a token.
const MAX_FILE_BYTES: u64 = 256 << 10;
/// The settings in the user's home. Those in the current folder are not read: whoever runs a command in a
/// stranger's project would send the token to the stranger's host.
const SETTINGS_FILE: &str = ".balenarc.yml";
/// The folder of the session, in the user's home.
const DATA_FOLDER: &str = ".balena";
/// The file with the session's token, in the data folder.
const TOKEN_FILE: &str = "token";
/// The settings in a file, as far as they matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SettingsFile {
    balena_url: Option<String>,
    api_url: Option<String>,
    delta_url: Option<String>,
    data_directory: Option<PathBuf>,
}

/// The balena CLI's settings: variables, which win, and the file in the user's home.
pub(super) struct BalenaSettings<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    file: SettingsFile,
    home: Option<PathBuf>,
}

impl<'a> BalenaSettings<'a> {
    /// Reads the file in the user's home, if there is one.
    pub(super) fn read(
        variable: &'a dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ReleaseError> {
        let home = variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let file = match &home {
            Some(home) => read_settings(&home.join(SETTINGS_FILE))?,
            None => SettingsFile::default(),
        };
        Ok(BalenaSettings { variable, file, home })
    }

    /// The URL of the API; empty if nobody set any.
    pub(super) fn api(&self) -> String {
        self.url("BALENARC_API_URL", self.file.api_url.as_ref(), "api")
    }

    /// The URL of the delta server; empty if nobody set any.
    pub(super) fn delta_server(&self) -> String {
        self.url("BALENARC_DELTA_URL", self.file.delta_url.as_ref(), "delta")
    }

    fn url(&self, variable: &str, set: Option<&String>, name: &str) -> String {
        let own = self.text(variable).or_else(|| set.cloned());
        let of_domain = || Some(format!("https://{name}.{}", self.domain()?));
        own.or_else(of_domain).unwrap_or_default()
    }

    /// The domain that is set. The balena CLI takes balenaCloud's where none is; that would send a key for
    /// openBalena, whose domain was forgotten, to somebody else.
    fn domain(&self) -> Option<String> {
        self.text("BALENARC_BALENA_URL").or_else(|| self.file.balena_url.clone())
    }

    fn text(&self, variable: &str) -> Option<String> {
        let text = (self.variable)(variable)?.into_string().ok()?;
        (!text.is_empty()).then_some(text)
    }

    /// The token of the session that `balena login` began; `None` if there is none.
    pub(super) fn session(&self) -> Result<Option<Secret>, ReleaseError> {
        let set = (self.variable)("BALENARC_DATA_DIRECTORY").filter(|set| !set.is_empty());
        let set = set.map(PathBuf::from).or_else(|| self.file.data_directory.clone());
        let usual = || self.home.as_ref().map(|home| home.join(DATA_FOLDER));
        let Some(folder) = set.or_else(usual) else { return Ok(None) };
        read_token(&folder.join(TOKEN_FILE))
    }
}

/// Reads a file that holds a token and nothing else; `None` if there is no such file, or nothing in it.
pub(super) fn read_token(path: &Path) -> Result<Option<Secret>, ReleaseError> {
    let text = read_if_there(path)?.unwrap_or_default();
    let token = text.trim();
    Ok((!token.is_empty()).then(|| Secret::new(token)))
}

fn read_settings(path: &Path) -> Result<SettingsFile, ReleaseError> {
    let text = read_if_there(path)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(SettingsFile::default());
    }
    serde_saphyr::from_str(&text).map_err(|error| {
        // The parser's text quotes the file over several lines.
        let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
        ReleaseError::Settings { path: path.to_owned(), reason }
    })
}

fn read_if_there(path: &Path) -> Result<Option<String>, ReleaseError> {
    match read_small_text(path, MAX_FILE_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ReleaseError::File { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn settings(home: &Path, set: &[(&str, &str)]) -> (String, String, Option<String>) {
        let home = home.as_os_str().to_owned();
        let variable = |name: &str| match name {
            "HOME" => Some(home.clone()),
            name => {
                let found = set.iter().find(|(set, _)| *set == name);
                found.map(|(_, value)| OsString::from(value))
            }
        };
        let settings = BalenaSettings::read(&variable).expect("readable");
        let session = settings.session().expect("readable");
        let session = session.map(|session| session.reveal().to_owned());
        (settings.api(), settings.delta_server(), session)
    }

    #[test]
    fn variables_win_over_the_file_in_the_home() {
        let home = tempfile::tempdir().expect("a folder");
        let nothing = settings(home.path(), &[]);
        assert_eq!((nothing.0.as_str(), nothing.1.as_str(), nothing.2), ("", "", None));
        let file = "balenaUrl: one.test\ndeltaUrl: https://d.test # ours\nprojectsDirectory: /p\n";
        fs::write(home.path().join(SETTINGS_FILE), file).expect("written");
        fs::create_dir(home.path().join(DATA_FOLDER)).expect("made");
        fs::write(home.path().join(".balena/token"), "abc\n").expect("written");
        let filed = settings(home.path(), &[]);
        let expected = ("https://api.one.test", "https://d.test", Some("abc"));
        assert_eq!((filed.0.as_str(), filed.1.as_str(), filed.2.as_deref()), expected);
        let set = settings(home.path(), &[("BALENARC_BALENA_URL", "two.test")]);
        assert_eq!(set.0, "https://api.two.test");
        let elsewhere = settings(home.path(), &[("BALENARC_DATA_DIRECTORY", "/nowhere")]);
        assert_eq!(elsewhere.2, None);
    }

    #[test]
    fn a_settings_file_that_is_none_is_named() {
        let home = tempfile::tempdir().expect("a folder");
        fs::write(home.path().join(SETTINGS_FILE), "balenaUrl: [").expect("written");
        let path = home.path().as_os_str().to_owned();
        let variable = |name: &str| (name == "HOME").then(|| path.clone());
        let error = BalenaSettings::read(&variable).map(|_| ()).expect_err("no YAML");
        assert!(error.to_string().contains(SETTINGS_FILE), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
}
