//! Certificates that are kept for one registry (containers-certs.d(5); Docker's "Verify repository
//! client with certificates"): whom to trust beside others, and what to show.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use super::RegistryError;
use crate::image::limits::MAX_CA_FILE_BYTES;
use crate::small_file::read_small_file;
use crate::tls::{Identity, certificates};

/// Below a user's folder of configuration, and where the system's administrator keeps them.
const USER_FOLDER: &str = "containers/certs.d";
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

/// The folders with certificates.
#[derive(Debug)]
pub(super) struct CertificateFolders {
    /// The one that was named, for every registry.
    named: Option<PathBuf>,
    /// Folders with a folder for each registry, the most important first.
    usual: Vec<PathBuf>,
}

/// What a folder holds.
pub(super) struct HostCertificates {
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) identity: Option<Identity>,
}

impl CertificateFolders {
    pub(super) fn new(named: Option<PathBuf>) -> Self {
        Self::of(named, |name| std::env::var_os(name).map(PathBuf::from))
    }

    fn of(named: Option<PathBuf>, env: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let env = |name| env(name).filter(|path| !path.as_os_str().is_empty());
        // Not the folder that XDG_CONFIG_HOME names: other tools don't look there either.
        let user = env("HOME").map(|home| home.join(".config").join(USER_FOLDER));
        let usual = user.into_iter().chain(SYSTEM_FOLDERS.map(PathBuf::from)).collect();
        CertificateFolders { named, usual }
    }

    /// The folder that is kept for a registry called one of `names`: the first that is there.
    pub(super) fn of_host(&self, names: &[String]) -> Option<PathBuf> {
        if let Some(named) = &self.named {
            return Some(named.clone());
        }
        let folders = names.iter().flat_map(|name| self.usual.iter().map(move |at| at.join(name)));
        folders.into_iter().find(|folder| folder.is_dir())
    }
}

impl HostCertificates {
    /// Reads a folder: `*.crt` are authorities, `NAME.cert` and `NAME.key` what is shown. Of several of
    /// those the first by name counts.
    pub(super) fn read(folder: &Path) -> Result<Self, RegistryError> {
        let mut files = match list(folder) {
            Ok(files) => files,
            // What is not for us is as if it were not there.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Vec::new(),
            Err(error) => return Err(unusable(folder, error)),
        };
        files.sort();
        let mut found = HostCertificates { authorities: Vec::new(), identity: None };
        for path in &files {
            match path.extension().and_then(OsStr::to_str) {
                Some("crt") => found.authorities.extend(authorities(path)?),
                Some("cert") if found.identity.is_none() => found.identity = Some(identity(path)?),
                Some("key") if !files.contains(&path.with_extension("cert")) => {
                    return Err(unusable(path, "there is no certificate for this key"));
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    folder.read_dir()?.map(|entry| Ok(entry?.path())).collect()
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let pem = read_small_file(path, MAX_CA_FILE_BYTES).map_err(|error| unusable(path, error))?;
    certificates(&pem).ok_or_else(|| unusable(path, "the file has no certificates in PEM form"))
}

fn identity(certificate: &Path) -> Result<Identity, RegistryError> {
    let key = certificate.with_extension("key");
    let read = |path: &Path| {
        read_small_file(path, MAX_CA_FILE_BYTES).map_err(|error| unusable(path, error))
    };
    let (key, chain) = (read(&key)?, read(certificate)?);
    // The reason is not passed on: it could quote the key.
    let problem = "it and the file with its key are no certificate and private key in PEM form";
    Identity::from_pem(&chain, &key).ok_or_else(|| unusable(certificate, problem))
}

fn unusable(path: &Path, reason: impl ToString) -> RegistryError {
    RegistryError::Certificates { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_folder_comes_before_the_systems() {
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/u"));
        let folders = CertificateFolders::of(None, home);
        assert_eq!(
            folders.usual,
            ["/home/u/.config/containers/certs.d", SYSTEM_FOLDERS[0], SYSTEM_FOLDERS[1]]
                .map(PathBuf::from)
        );
        assert_eq!(CertificateFolders::of(None, |_| None).usual.len(), 2);
    }

    #[test]
    fn the_folder_that_was_named_is_the_only_one() {
        let folders = CertificateFolders::of(Some("/named".into()), |_| None);
        assert_eq!(folders.of_host(&["r.example".to_owned()]), Some("/named".into()));
    }

    #[test]
    fn a_folder_is_found_with_and_without_the_usual_port() {
        let home = tempfile::tempdir().expect("a folder");
        let all = home.path().join(".config/containers/certs.d");
        std::fs::create_dir_all(all.join("r.example:443")).expect("made");
        let folders =
            CertificateFolders::of(None, |name| (name == "HOME").then(|| home.path().to_owned()));
        let names = ["r.example", "r.example:443"].map(str::to_owned);
        assert_eq!(folders.of_host(&names), Some(all.join("r.example:443")));
        assert_eq!(folders.of_host(&["s.example".to_owned()]), None);
    }

    #[test]
    fn what_is_no_certificate_is_refused_by_its_file() {
        for (files, problem) in [
            (&["a.crt"][..], "a.crt: the file has no certificates"),
            (&["a.cert"], "a.key: No such file"),
            (&["a.key"], "a.key: there is no certificate for this key"),
            (&["a.cert", "a.key"], "a.cert: it and the file with its key"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            for file in files {
                std::fs::write(folder.path().join(file), "secret").expect("written");
            }
            let error = HostCertificates::read(folder.path()).err().expect("refused").to_string();
            assert!(error.contains(problem) && !error.contains("secret"), "{error}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("README"), "nothing").expect("written");
        let found = HostCertificates::read(folder.path()).expect("read");
        assert!(found.authorities.is_empty() && found.identity.is_none());
    }
}
