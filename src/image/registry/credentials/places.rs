//! The files that hold credentials, in the order of containers-auth.json(5): the file the user names
//! (`--authfile`, or else `$REGISTRY_AUTH_FILE`) and no other; or else podman's and skopeo's files,
//! then Docker's.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use super::error::CredentialsError;
use crate::image::registry::limits::MAX_AUTH_FILE_BYTES;
use crate::small_file::read_small_file;

/// A file that may hold credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthFilePlace {
    pub(super) path: PathBuf,
    /// Whether the user named it: then it must be readable.
    pub(super) named: bool,
}

/// The files to look into, first the most important.
pub(super) fn usual(authfile: Option<&Path>) -> Vec<AuthFilePlace> {
    places(authfile, |name| env::var_os(name).map(PathBuf::from))
}

/// The file that new credentials go to: podman's and skopeo's for this user. `None` for a user who has
/// neither a session nor a home folder.
pub(super) fn to_write(authfile: Option<&Path>) -> Option<PathBuf> {
    let is_root = rustix::process::getuid().is_root();
    choose(usual(authfile), is_root || env::var_os("XDG_RUNTIME_DIR").is_some())
}

/// The first of the files, unless its folder is one that only root can make.
fn choose(places: Vec<AuthFilePlace>, can_make_first: bool) -> Option<PathBuf> {
    let usable = |(number, place): &(usize, AuthFilePlace)| {
        *number > 0
            || can_make_first
            || place.named
            || place.path.parent().is_some_and(Path::is_dir)
    };
    places.into_iter().enumerate().find(usable).map(|(_, place)| place.path)
}

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
pub(super) fn read(place: &AuthFilePlace) -> Result<Option<Vec<u8>>, CredentialsError> {
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
    fn new_credentials_go_where_the_user_may_make_a_folder() {
        let home = [("HOME", "/home/u")];
        let get = |name: &str| {
            home.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value))
        };
        let chosen = |authfile: Option<&str>, can_make| {
            choose(places(authfile.map(Path::new), get), can_make).expect("a file")
        };
        assert_eq!(chosen(Some("named"), false), Path::new("named"));
        assert!(chosen(None, true).starts_with("/run/containers"));
        let run = run_folder().is_dir();
        let in_home = chosen(None, false).starts_with("/home/u/.config/containers");
        assert!(in_home != run, "the folder of the session comes first where it is there");
    }
}
