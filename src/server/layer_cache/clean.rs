//! What becomes old in the bucket goes.
//!
//! A layer goes by the time since it was put there: S3 tells of no use. One that is still needed then comes from the
//! registry once, and is put there again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::object_name::is_layer;
use crate::server::bucket::reason;
use crate::server::jobs::Jobs;

/// How often the bucket is looked through.
const INTERVAL: Duration = Duration::from_secs(3600);
/// How soon after the start.
const FIRST: Duration = Duration::from_secs(60);

/// Removes layers that were put into the bucket longer ago than `keep`, for ever, while this server leads.
pub(crate) async fn clean_now_and_then(
    objects: Arc<dyn ObjectStore>,
    jobs: Arc<Jobs>,
    keep: Duration,
) {
    tokio::time::sleep(FIRST).await;
    loop {
        if jobs.leads() {
            match clean(&*objects, keep).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "old layers removed from the layer cache"),
                Err(error) => tracing::warn!("cannot clean the layer cache: {}", reason(&error)),
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// One round: how many were removed. An object that the service does not remove keeps no other.
pub(super) async fn clean(objects: &dyn ObjectStore, keep: Duration) -> object_store::Result<u64> {
    let (mut listed, mut removed, mut refused) = (objects.list(None), 0, None);
    while let Some(object) = listed.try_next().await? {
        let age = SystemTime::now().duration_since(SystemTime::from(object.last_modified));
        if is_layer(&object.location) && age.is_ok_and(|age| age >= keep) {
            match objects.delete(&object.location).await {
                // A rule of the bucket was faster.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => removed += 1,
                Err(error) => refused = Some(error),
            }
        }
    }
    refused.map_or(Ok(removed), Err)
}
