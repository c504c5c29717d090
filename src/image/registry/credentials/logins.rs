//! Keeping logins and forgetting them, where podman, skopeo and docker do: in a file, or with the helper
//! that the file names.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::auth_edit::AuthDocument;
use super::auth_file::{AuthFile, server_address};
use super::error::CredentialsError;
use super::login_key::LoginKey;
use super::{helper, places};
use crate::image::registry::error::RegistryError;
use crate::image::registry::limits::MAX_AUTH_FILE_BYTES;
use crate::image::registry::runtime;
use crate::output::{Output, OutputError};
use crate::small_file::read_small_file;
use crate::temporary;

/// The mode of a file with passwords: its owner alone may read it.
const FILE_MODE: u32 = 0o600;

/// The mode of the folder of such a file: its owner alone may look into it.
const FOLDER_MODE: u32 = 0o700;

/// The logins that are kept for this user.
#[derive(Debug, Clone, Default)]
pub struct Logins {
    authfile: Option<PathBuf>,
}

/// Where a login is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoginPlace {
    /// The file that has it, or names the helper that has it.
    pub file: PathBuf,
    /// The part after `docker-credential-` in the name of the helper that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helper: Option<String>,
}

impl fmt::Display for LoginPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.helper {
            Some(name) => {
                write!(formatter, "docker-credential-{name}, as {} says", self.file.display())
            }
            None => self.file.display().fmt(formatter),
        }
    }
}

impl Logins {
    /// Returns the logins of `authfile`, or else of `$REGISTRY_AUTH_FILE`, or else of podman's file
    /// for this user.
    pub fn new(authfile: Option<PathBuf>) -> Self {
        Logins { authfile }
    }

    /// Keeps a login in place of the one that there is for `key`; all others stay. The file is
    /// readable by its owner only, and replaced in one step.
    ///
    /// # Errors
    /// [`CredentialsError`] if the file can't be read or written, or the helper fails. A file that
    /// makes no sense is left alone.
    pub fn keep(
        &self,
        key: &LoginKey,
        user: &str,
        password: &str,
    ) -> Result<LoginPlace, RegistryError> {
        let path = self.file()?;
        // In a folder that is not there yet nothing would keep two first logins apart.
        create_folder(&path).map_err(|error| CredentialsError::Unwritable(Arc::new(error)))?;
        let mut open = OpenAuthFile::open(path)?;
        let helper = open.helper(key.host());
        match &helper {
            Some(name) => {
                refuse_namespace(key, name)?;
                let (name, server) = (name.clone(), server_address(key.host()));
                let (user, password) = (user.to_owned(), password.to_owned());
                runtime::run(async move {
                    Ok::<_, RegistryError>(helper::store(&name, &server, &user, &password).await?)
                })?;
                open.document.put_helpers(&key.to_string());
            }
            None => open.document.put(&key.to_string(), user, password),
        }
        let file = open.write()?;
        Ok(LoginPlace { file, helper })
    }

    /// Forgets the login for `key`, wherever the file says that it is.
    ///
    /// # Errors
    /// [`CredentialsError::NotLoggedIn`] if there is none; otherwise as [`keep`](Self::keep).
    pub fn forget(&self, key: &LoginKey) -> Result<LoginPlace, RegistryError> {
        let mut open = OpenAuthFile::open(self.file()?)?;
        let helper = open.helper(key.host()).filter(|_| key.namespace().is_none());
        let from_helper = match &helper {
            Some(name) => erase(name, key.host())?,
            None => false,
        };
        if !open.document.remove(&key.to_string()) && !from_helper {
            let (path, key) = (open.path, key.clone());
            let elsewhere = self.elsewhere(&path, &key);
            let key = key.to_string();
            return Err(CredentialsError::NotLoggedIn { path, key, elsewhere }.into());
        }
        let file = open.write()?;
        Ok(LoginPlace { file, helper: helper.filter(|_| from_helper) })
    }

    /// Forgets every login that the file has, and those that helpers have for registries that it
    /// names. Gives the keys of the file's own.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn forget_all(&self) -> Result<(PathBuf, Vec<String>), RegistryError> {
        let mut open = OpenAuthFile::open(self.file()?)?;
        let mut forgotten = Vec::new();
        for host in open.parsed.hosts() {
            if let Some(name) = open.helper(&host)
                && erase(&name, &host)?
            {
                forgotten.push(host);
            }
        }
        forgotten.extend(open.document.clear());
        forgotten.sort();
        forgotten.dedup();
        let path = if forgotten.is_empty() { open.path } else { open.write()? };
        Ok((path, forgotten))
    }

    fn file(&self) -> Result<PathBuf, CredentialsError> {
        places::to_write(self.authfile.as_deref()).ok_or(CredentialsError::NoFile)
    }

    /// Another file that has a login for `key`.
    fn elsewhere(&self, file: &Path, key: &LoginKey) -> Option<PathBuf> {
        let others = places::usual(self.authfile.as_deref()).into_iter();
        let mut others = others.filter(|other| other.path != file);
        let has = |bytes: &[u8]| {
            let found = AuthFile::parse(bytes)
                .and_then(|file| file.find(key.host(), key.namespace().unwrap_or_default()));
            matches!(found, Ok(Some(_)))
        };
        let found =
            others.find(|other| matches!(places::read(other), Ok(Some(bytes)) if has(&bytes)));
        found.map(|other| other.path)
    }
}

/// Has the helper forget what it has for a registry; says whether it had anything.
fn erase(name: &str, host: &str) -> Result<bool, RegistryError> {
    let (name, server) = (name.to_owned(), server_address(host));
    runtime::run(async move {
        let had_any = helper::get(&name, &server).await?.is_some();
        helper::erase(&name, &server).await?;
        Ok(had_any)
    })
}

fn refuse_namespace(key: &LoginKey, helper: &str) -> Result<(), CredentialsError> {
    match key.namespace() {
        None => Ok(()),
        Some(_) => {
            let (helper, host) = (helper.to_owned(), key.host().to_owned());
            Err(CredentialsError::Namespace { helper, host })
        }
    }
}

/// A file with credentials that nobody else changes meanwhile.
struct OpenAuthFile {
    path: PathBuf,
    parsed: AuthFile,
    document: AuthDocument,
    _lock: Option<File>,
}

impl OpenAuthFile {
    /// Reads the file, or begins a new one.
    fn open(path: PathBuf) -> Result<Self, CredentialsError> {
        let lock = path.parent().and_then(lock);
        let bytes = match read_small_file(&path, MAX_AUTH_FILE_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => {
                return Err(CredentialsError::Unreadable { path, source: Arc::new(source) });
            }
            Ok(bytes) => bytes,
        };
        let malformed = |reason| CredentialsError::Malformed { path: path.clone(), reason };
        let document = AuthDocument::parse(&bytes).map_err(malformed)?;
        let parsed = AuthFile::parse(&document.to_bytes()).map_err(malformed)?;
        Ok(OpenAuthFile { path, parsed, document, _lock: lock })
    }

    fn helper(&self, host: &str) -> Option<String> {
        self.parsed.helper(host).map(str::to_owned)
    }

    /// Puts the changed file in the place of the old one, in one step, and gives its path.
    fn write(self) -> Result<PathBuf, CredentialsError> {
        let written = self.try_write();
        written.map_err(|error| CredentialsError::Unwritable(Arc::new(error)))?;
        Ok(self.path)
    }

    fn try_write(&self) -> Result<(), OutputError> {
        let cannot = |doing| OutputError::io(doing, &self.path);
        create_folder(&self.path)?;
        let mut output = Output::open(&self.path)?;
        // A path that leads to no regular file was refused when it was read.
        if let Some(file) = output.as_file() {
            let mode = Permissions::from_mode(FILE_MODE);
            file.set_permissions(mode).map_err(cannot("restrict"))?;
        }
        output.write_all(&self.document.to_bytes()).map_err(cannot("write"))?;
        output.finish()
    }
}

/// Creates the folder of the file at `path`, unless it is there.
fn create_folder(path: &Path) -> Result<(), OutputError> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        None => Ok(()),
        Some(folder) => temporary::create_folders(folder, FOLDER_MODE)
            .map_err(OutputError::io("create the folder of", path)),
    }
}

/// Keeps other logins out until it is dropped, where the folder is there and can be locked.
fn lock(folder: &Path) -> Option<File> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder =
        fs::metadata(folder).ok().filter(fs::Metadata::is_dir).and(File::open(folder).ok())?;
    folder.lock().ok().map(|()| folder)
}
