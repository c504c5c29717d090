//! A server put together from its settings.

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use super::ServerError;
use super::access::{AccessSettings, DownloadSigner, Guard, RateSettings, TokenSettings};
use super::agreed::{bucket_folder, download_key};
use super::artifacts::{ArtifactPlace, Artifacts, BucketPlace};
use super::bucket::Bucket;
use super::error::io_error;
use super::fleet_links::FleetLinks;
use super::housekeeping::Housekeeping;
use super::images::{Images, Insights, RegistryBuilder};
use super::jobs::{JobSettings, Jobs, SharedDatabase};
use super::layer_cache::{LayerBucket, clean_now_and_then};
use super::metrics::Metrics;
use super::page::{SessionKey, Streams};
use super::routes::Service;
use super::settings::{AccessRules, DataSettings, Role, ServerSettings};
use super::watching;
use crate::Dialect;
use crate::serving::Door;
use crate::store::Store;

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
    let shared = data.database.as_ref().map(SharedDatabase::at).transpose()?;
    let secret = download_key(&settings, shared.as_ref()).await?;
    let signer = DownloadSigner::new(&secret)?;
    let builder_secret = settings.registry.password.as_ref().map(|it| it.reveal());
    let session_key = SessionKey::derive(&secret, builder_secret);
    let images = Images::new(&settings.registry, settings.work.registry_patience)?;
    let store = Store::open(data.folder.join(STORE_FOLDER))?;
    let store = store.with_limits(settings.work.limits).reading_first();
    let cache = layer_cache(data, &store)?;
    let store = match &cache {
        Some(cache) => store.with_cache(Arc::clone(cache) as _),
        None => store,
    };
    let insights = Insights::new(&settings.registry, store.clone(), settings.work.limits)?;
    let url_life = settings.answers.download_expiry;
    let bucket_folder = bucket_folder(data, shared.as_ref()).await?;
    let place = artifact_place(data, bucket_folder.clone());
    let artifacts = Arc::new(Artifacts::open(&place, url_life)?);
    let (work, ratio) = (&settings.work, settings.answers.worth_ratio);
    let links = Arc::new(FleetLinks::default());
    let (layers, files) = (store.clone(), Arc::clone(&artifacts));
    let builder =
        RegistryBuilder::new(&settings.registry, work, ratio, layers, files, Arc::clone(&links))?;
    let database = data.database.clone();
    let answers = settings.role == Role::All;
    let rules = JobSettings::new(data.folder.clone(), work);
    let rules = JobSettings { database, answers, files_home: bucket_folder, ..rules };
    let jobs = Jobs::open(rules, Arc::new(builder)).await?;
    if let (Some(cache), Some(rules)) = (cache, &data.layer_cache) {
        let objects = Arc::clone(cache.objects());
        tokio::spawn(clean_now_and_then(objects, Arc::clone(&jobs), rules.keep));
    }
    let (kept, budget) = (Arc::clone(&artifacts), data.budget);
    let housekeeping = Housekeeping::new(store, kept, Arc::clone(&jobs), shared, budget);
    let service = Arc::new(Service {
        guard,
        signer,
        session_key,
        streams: Streams::default(),
        images,
        insights,
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
    let artifacts = Arc::clone(&service.artifacts);
    tokio::spawn(async move { artifacts.try_place().await });
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

fn bucket(url: &str, allow_http: bool) -> Bucket {
    Bucket { url: url.to_owned(), variables: variables_of("AWS_"), allow_http }
}

/// The bucket for layers that servers have together, if they have one.
fn layer_cache(
    data: &DataSettings,
    store: &Store,
) -> Result<Option<Arc<LayerBucket>>, ServerError> {
    let opened = data
        .layer_cache
        .as_ref()
        .map(|cache| LayerBucket::open(&bucket(&cache.url, cache.plain_http), store));
    opened.transpose()
}

fn artifact_place(data: &DataSettings, folder: Option<String>) -> ArtifactPlace {
    match &data.artifacts {
        None => ArtifactPlace::Folder(data.folder.join(FILES_FOLDER)),
        Some(url) => ArtifactPlace::Bucket(BucketPlace {
            bucket: bucket(url, data.artifacts_plain_http),
            scratch: data.folder.join(FILES_FOLDER),
            folder,
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

fn make_folder(folder: &Path) -> Result<(), ServerError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(io_error("create", folder))
}
