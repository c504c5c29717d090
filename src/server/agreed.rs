//! What all servers of a database agreed on. Each data folder keeps it, for a start while the database is away.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::ServerError;
use super::error::{io_error, system_error};
use super::folder_name::{keep_name, kept_name};
use super::jobs::{SharedDatabase, SharedValue};
use super::settings::{DataSettings, ServerSettings};
use crate::output::Output;
use crate::small_file::read_small_file;

/// Bytes of the key that download URLs are signed with.
const KEY_BYTES: usize = 32;
/// Bytes of a key that somebody else put there, at most.
const MAX_KEY_BYTES: u64 = 4096;
/// The file of the data folder that keeps the key from one start to the next.
const KEY_FILE: &str = "download.key";
/// The file of the data folder that keeps the name of the folder in the bucket.
const BUCKET_FOLDER_FILE: &str = "bucket-folder";

/// The key of the settings, otherwise that of all servers of the database, otherwise that of the data folder. URLs that
/// were given out survive a restart.
pub(super) async fn download_key(
    settings: &ServerSettings,
    shared: Option<&SharedDatabase>,
) -> Result<Vec<u8>, ServerError> {
    if let Some(key) = &settings.answers.download_key {
        return Ok(key.reveal().as_bytes().to_vec());
    }
    let path = settings.data.folder.join(KEY_FILE);
    let kept = read_key(&path)?;
    // URLs of a server that was alone until now hold on, if it is the first of several.
    let own = kept.clone().map_or_else(new_key, Ok)?;
    let key = match shared {
        None => own,
        Some(shared) => match shared.value(SharedValue::DownloadKey, &own).await {
            Err(error) if error.is_of_a_shared_database_that_is_away() => {
                if kept.is_none() {
                    tracing::warn!(
                        "{error}; v2 URLs hold at this server alone until its next start"
                    );
                    return Ok(own);
                }
                own
            }
            agreed => agreed?,
        },
    };
    if kept.as_ref() != Some(&key) {
        write_key(&path, &key)?;
    }
    Ok(key)
}

/// The folder in the bucket that all servers of the database have, where there are both.
pub(super) async fn bucket_folder(
    data: &DataSettings,
    shared: Option<&SharedDatabase>,
) -> Result<Option<String>, ServerError> {
    let Some(shared) = shared.filter(|_| data.artifacts.is_some()) else { return Ok(None) };
    let path = data.folder.join(BUCKET_FOLDER_FILE);
    match shared.bucket_folder().await {
        Ok(agreed) => {
            keep_name(&path, &agreed)?;
            Ok(Some(agreed))
        }
        Err(error) if error.is_of_a_shared_database_that_is_away() => {
            kept_name(&path)?.ok_or(error).map(Some)
        }
        Err(error) => Err(error),
    }
}

/// The key in the data folder, if there is one.
fn read_key(path: &Path) -> Result<Option<Vec<u8>>, ServerError> {
    match read_small_file(path, MAX_KEY_BYTES) {
        Ok(key) => Ok(Some(key).filter(|key| key.len() >= KEY_BYTES)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

fn new_key() -> Result<Vec<u8>, ServerError> {
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| system_error(io::Error::other(error)))?;
    Ok(key)
}

fn write_key(path: &Path, key: &[u8]) -> Result<(), ServerError> {
    let mut output = Output::open(path).map_err(ServerError::Output)?;
    let private = match output.as_file() {
        Some(file) => file.set_permissions(fs::Permissions::from_mode(0o600)),
        None => Ok(()),
    };
    private.and_then(|()| output.write_all(key)).map_err(io_error("write", path))?;
    output.finish().map_err(ServerError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_for_the_key_stays_one_and_the_key_is_private() {
        let folder = tempfile::tempdir().expect("folder");
        let (link, real) = (folder.path().join("key"), folder.path().join("real"));
        fs::write(&real, "short").expect("written");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).expect("set");
        std::os::unix::fs::symlink("real", &link).expect("linked");
        write_key(&link, &[7; KEY_BYTES]).expect("written");
        assert!(link.is_symlink());
        assert_eq!(fs::read(&real).expect("there"), [7; KEY_BYTES]);
        assert_eq!(fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o600);
    }
}
