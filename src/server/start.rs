//! A server put together from its settings.

use std::fs;
use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use super::ServerError;
use super::access::{AccessSettings, DownloadSigner, Guard, RateSettings, TokenSettings};
use super::artifacts::{ArtifactPlace, Artifacts, Bucket};
use super::error::{io_error, system_error};
use super::fleet_links::FleetLinks;
use super::housekeeping::Housekeeping;
use super::images::{Images, RegistryBuilder};
use super::jobs::{JobSettings, Jobs};
use super::metrics::Metrics;
use super::routes::Service;
use super::settings::{AccessRules, DataSettings, Role, ServerSettings};
use super::watching;
use crate::Dialect;
use crate::output::Output;
use crate::serving::Door;
use crate::small_file::read_small_file;
use crate::store::Store;

/// Bytes of the key that download URLs are signed with.
const KEY_BYTES: usize = 32;
/// Bytes of a key that somebody else put there, at most.
const MAX_KEY_BYTES: u64 = 4096;
/// The file of the data folder that keeps it from one start to the next.
const KEY_FILE: &str = "download.key";
/// The folder of the data folder that keeps layers.
const STORE_FOLDER: &str = "store";
/// The folder of the data folder that keeps v2 deltas, or where they are written before they are sent
/// elsewhere.
const FILES_FOLDER: &str = match Dialect::V2.files_folder() {
    Some(folder) => folder,
    None => panic!("a batch is a file"),
};

/// Puts the server together. It does not listen yet; jobs that were left go on.
pub(super) async fn start(settings: ServerSettings) -> Result<Arc<Service>, ServerError> {
    let data = &settings.data;
    make_folder(&data.folder)?;
    let guard = guard(settings.access.as_ref(), &settings)?;
    let signer = signer(&settings)?;
    let images = Images::new(&settings.registry, settings.work.registry_patience)?;
    let store = Store::open(data.folder.join(STORE_FOLDER))?;
    let store = store.with_limits(settings.work.limits).reading_first();
    let url_life = settings.answers.download_expiry;
    let artifacts = Arc::new(Artifacts::open(&artifact_place(data), url_life)?);
    let (work, ratio) = (&settings.work, settings.answers.worth_ratio);
    let links = Arc::new(FleetLinks::default());
    let (layers, files) = (store.clone(), Arc::clone(&artifacts));
    let builder =
        RegistryBuilder::new(&settings.registry, work, ratio, layers, files, Arc::clone(&links))?;
    let database = data.database.clone();
    let answers = settings.role == Role::All;
    let rules = JobSettings { database, answers, ..JobSettings::new(data.folder.clone(), work) };
    let jobs = Jobs::open(rules, Arc::new(builder)).await?;
    let (kept, budget) = (Arc::clone(&artifacts), data.budget);
    let housekeeping = Housekeeping::new(store, kept, Arc::clone(&jobs), budget);
    let service = Arc::new(Service {
        guard,
        signer,
        images,
        jobs,
        artifacts,
        housekeeping: Arc::new(housekeeping),
        metrics: Metrics::new(),
        door: Door::new(settings.listen.clone()),
        settings,
    });
    attend(&service);
    watching::start(&service, links)?;
    Ok(service)
}

/// Starts what goes on beside the requests.
fn attend(service: &Arc<Service>) {
    let housekeeping = Arc::clone(&service.housekeeping);
    tokio::spawn(async move { housekeeping.run().await });
    let watching = Arc::clone(&service.housekeeping);
    tokio::spawn(async move { watching.watch_layers().await });
    let (sharing, mut standing) = (Arc::clone(service), service.jobs.standing());
    tokio::spawn(async move {
        while standing.changed().await.is_ok() {
            sharing.guard.share_with(standing.borrow_and_update().answering);
        }
    });
    let (counting, events) = (Arc::clone(service), service.jobs.events());
    tokio::spawn(async move { counting.metrics.follow(events).await });
}

/// The variables whose names begin with `prefix`; those that are no text are as if they were not set.
fn variables_of(prefix: &str) -> Vec<(String, String)> {
    let text = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    text.filter(|(name, _)| name.starts_with(prefix)).collect()
}

fn artifact_place(data: &DataSettings) -> ArtifactPlace {
    match &data.artifacts {
        None => ArtifactPlace::Folder(data.folder.join(FILES_FOLDER)),
        Some(url) => ArtifactPlace::Bucket(Bucket {
            url: url.clone(),
            variables: variables_of("AWS_"),
            allow_http: data.artifacts_plain_http,
            scratch: data.folder.join(FILES_FOLDER),
        }),
    }
}

fn guard(rules: Option<&AccessRules>, settings: &ServerSettings) -> Result<Guard, ServerError> {
    let Some(rules) = rules else {
        if settings.role == Role::All {
            tracing::warn!("authentication is off: anybody may have any image of the registry");
        }
        return Ok(Guard::open());
    };
    let burst = NonZeroU32::new(rules.burst).unwrap_or(NonZeroU32::MIN);
    let rate = rules.rate.and_then(NonZeroU32::new);
    let access = AccessSettings {
        tokens: TokenSettings {
            key_files: rules.key_files.clone(),
            algorithm: rules.algorithm.parse()?,
            issuer: rules.issuer.clone(),
            audience: rules.audience.clone(),
            leeway: TokenSettings::DEFAULT_LEEWAY,
        },
        builder_token: settings.registry.password.as_ref().map(|it| it.reveal().to_owned()),
        rate: rate.map(|per_minute| RateSettings { per_minute, burst }),
        empty_access_networks: rules.empty_access_networks.clone(),
        trusted_proxies: settings.listen.trusted_proxies.clone(),
    };
    Ok(Guard::new(access)?)
}

fn signer(settings: &ServerSettings) -> Result<DownloadSigner, ServerError> {
    match &settings.answers.download_key {
        Some(key) => Ok(DownloadSigner::new(key.reveal().as_bytes())?),
        None => Ok(DownloadSigner::new(&kept_key(&settings.data)?)?),
    }
}

/// The key in the data folder, made where there is none: URLs that were given out survive a restart.
fn kept_key(data: &DataSettings) -> Result<Vec<u8>, ServerError> {
    let path = data.folder.join(KEY_FILE);
    match read_small_file(&path, MAX_KEY_BYTES) {
        Ok(key) if key.len() >= KEY_BYTES => return Ok(key),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error("read", &path)(error)),
    }
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|error| system_error(io::Error::other(error)))?;
    write_key(&path, &key)?;
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

fn make_folder(folder: &Path) -> Result<(), ServerError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(io_error("create", folder))
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
