//! Where credentials are looked up, in the order of containers-auth.json(5): the file the user names
//! (`--authfile`, or else `$REGISTRY_AUTH_FILE`) and no other; or else podman's and skopeo's files,
//! then Docker's.

mod auth_file;
mod error;
mod helper;
mod proof;

use std::env;
use std::io;
use std::path::{Path, PathBuf};

pub use error::CredentialsError;
pub(super) use proof::Credentials;

use auth_file::{AuthFile, Found};

use super::limits::MAX_AUTH_FILE_BYTES;
use crate::small_file::read_small_file;

/// Reads a file with credentials and looks a repository up in it; says whether there are any.
#[cfg(fuzzing)]
pub fn find_in_file(bytes: &[u8], host: &str, repository: &str) -> Result<bool, String> {
    Ok(AuthFile::parse(bytes)?.find(host, repository)?.is_some())
}

/// A file that may hold credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AuthFilePlace {
    path: PathBuf,
    /// Whether the user named it: then it must be readable.
    named: bool,
}

/// The credentials for a repository, wherever they are. `None` if there are none.
pub(super) async fn look_up(
    authfile: Option<&Path>,
    host: &str,
    repository: &str,
) -> Result<Option<Credentials>, CredentialsError> {
    for place in places(authfile, |name| env::var_os(name).map(PathBuf::from)) {
        let Some(bytes) = read(&place)? else { continue };
        let malformed = |reason| CredentialsError::Malformed { path: place.path.clone(), reason };
        let file = AuthFile::parse(&bytes).map_err(malformed)?;
        let found = file.find(host, repository).map_err(malformed)?;
        let credentials = match found {
            Some(Found::Stored(credentials)) => Some(credentials),
            Some(Found::Helper { name, or_stored }) => {
                helper::get(&name, &auth_file::server_address(host)).await?.or(or_stored)
            }
            None => None,
        };
        if credentials.is_some() {
            tracing::info!("{host}: logging in with the credentials in {}", place.path.display());
            return Ok(credentials);
        }
    }
    tracing::info!("{host}: no credentials for {repository}, asking without");
    Ok(None)
}

/// The files to look into, first the most important.
fn places(authfile: Option<&Path>, env: impl Fn(&str) -> Option<PathBuf>) -> Vec<AuthFilePlace> {
    let env = |name| env(name).filter(|path| !path.as_os_str().is_empty());
    if let Some(path) = authfile.map(Path::to_owned).or_else(|| env("REGISTRY_AUTH_FILE")) {
        return vec![AuthFilePlace { path, named: true }];
    }
    let home = env("HOME");
    let in_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
    let containers = [
        Some(env("XDG_RUNTIME_DIR").map_or_else(run_folder, |folder| folder.join("containers"))),
        env("XDG_CONFIG_HOME")
            .or_else(|| in_home(".config"))
            .map(|folder| folder.join("containers")),
    ];
    let docker = env("DOCKER_CONFIG").or_else(|| in_home(".docker"));
    let files = containers.into_iter().flatten().map(|folder| folder.join("auth.json"));
    let files = files.chain(docker.map(|folder| folder.join("config.json")));
    files.map(|path| AuthFilePlace { path, named: false }).collect()
}

/// Where podman and skopeo keep logins of a user without a session, such as root in a container.
fn run_folder() -> PathBuf {
    format!("/run/containers/{}", rustix::process::getuid().as_raw()).into()
}

/// The bytes of a file; `None` if it is one of the usual ones and not there for us.
fn read(place: &AuthFilePlace) -> Result<Option<Vec<u8>>, CredentialsError> {
    match read_small_file(&place.path, MAX_AUTH_FILE_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(CredentialsError::Malformed { path: place.path.clone(), reason: error.to_string() })
        }
        Err(source) if place.named => {
            Err(CredentialsError::Unreadable { path: place.path.clone(), source: source.into() })
        }
        // In a container the home folder may well belong to somebody else.
        Err(source) => {
            if source.kind() != io::ErrorKind::NotFound {
                tracing::warn!(file = %place.path.display(), %source, "passing over credentials");
            }
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(authfile: Option<&str>, env: &[(&str, &str)]) -> Vec<String> {
        let get = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value))
        };
        let places = places(authfile.map(Path::new), get);
        places.iter().map(|place| place.path.display().to_string()).collect()
    }

    #[test]
    fn a_file_that_the_user_names_is_the_only_one() {
        let env = [("REGISTRY_AUTH_FILE", "/named"), ("HOME", "/home/u")];
        assert_eq!(paths(Some("/flag"), &env), ["/flag"]);
        assert_eq!(paths(None, &env), ["/named"]);
    }

    #[test]
    fn the_usual_files_come_in_the_usual_order() {
        let home = ("HOME", "/home/u");
        let own_run = format!("/run/containers/{}/auth.json", rustix::process::getuid().as_raw());
        assert_eq!(
            paths(None, &[home, ("XDG_RUNTIME_DIR", "/run/user/1"), ("REGISTRY_AUTH_FILE", "")]),
            [
                "/run/user/1/containers/auth.json",
                "/home/u/.config/containers/auth.json",
                "/home/u/.docker/config.json"
            ]
        );
        assert_eq!(
            paths(None, &[home, ("DOCKER_CONFIG", "/d"), ("XDG_CONFIG_HOME", "/c")]),
            [own_run.as_str(), "/c/containers/auth.json", "/d/config.json"]
        );
        assert_eq!(paths(None, &[]), [own_run]);
    }

    #[test]
    fn credentials_do_not_show_in_debug_output() {
        let password =
            Credentials::Password { user: "ann".to_owned(), password: "secret".to_owned() };
        for credentials in [
            password,
            Credentials::IdentityToken("secret".to_owned()),
            Credentials::RegistryToken("secret".to_owned()),
        ] {
            assert!(!format!("{credentials:?}").contains("secret"));
        }
    }
}
