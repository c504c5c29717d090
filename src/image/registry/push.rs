//! A whole image on its way out: several blobs at a time, then the manifest.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::limits::{CHECK_INTERVAL, UPLOADS_AT_ONCE};
use super::push_event::Event;
use super::session::Session;
use super::upload::Upload;
use super::{RegistryError, manifests, referrers, runtime};
use crate::image::{Blob, ImageContents, ImageError, ImageReference, Manifest, RegistryReference};
use crate::progress::{Progress, Stage, check};

/// Pushes the image and waits until it is there.
pub(super) fn push(
    session: Arc<Session>,
    image: &RegistryReference,
    contents: &ImageContents,
    manifest: &Manifest,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    if image.digest().is_some_and(|digest| digest != manifest.digest()) {
        return Err(ImageError::Unsuitable {
            reference: ImageReference::Registry(image.clone()).to_string(),
            reason: format!("the image to be written there has the digest {}", manifest.digest()),
        });
    }
    let job = Job {
        blobs: distinct(contents.blobs()),
        mount_from: mountable(image, &contents.mount_from),
        image: image.clone(),
        manifest: manifest.clone(),
        session,
    };
    progress.expect(Stage::Push, bytes(&job.blobs));
    let (events, received) = mpsc::channel();
    let task = runtime::spawn(async move {
        let result = job.run(&events).await;
        // The thread that waits is gone only if the process ends.
        let _ = events.send(Event::Done(result));
    })?;
    let result = watch(&received, progress);
    // The task has ended, unless the push was told to stop.
    task.abort();
    result
}

/// Waits for the end of the push.
fn watch(events: &Receiver<Event>, progress: &dyn Progress) -> Result<(), ImageError> {
    loop {
        check(progress)?;
        match events.recv_timeout(CHECK_INTERVAL) {
            Ok(Event::Sent(bytes)) => progress.advance(Stage::Push, bytes),
            Ok(Event::Note(note)) => progress.note(&note),
            Ok(Event::Done(result)) => return result,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let problem = "the push ended unexpectedly".to_owned();
                return Err(RegistryError::Setup(problem).into());
            }
        }
    }
}

struct Job {
    session: Arc<Session>,
    image: RegistryReference,
    manifest: Manifest,
    blobs: Vec<Blob>,
    mount_from: Arc<[String]>,
}

impl Job {
    async fn run(self, events: &Sender<Event>) -> Result<(), ImageError> {
        let Job { session, image, manifest, blobs, mount_from } = self;
        let uploads = blobs.into_iter().map(|blob| {
            let upload = Upload::new(Arc::clone(&session), blob, events.clone());
            let mount_from = Arc::clone(&mount_from);
            async move { upload.run(&mount_from).await }
        });
        stream::iter(uploads).buffer_unordered(UPLOADS_AT_ONCE).try_collect::<()>().await?;
        let answer = manifests::put(&session, &image, &manifest).await?;
        // The image is there now, whatever becomes of the list that leads to it.
        if let Err(error) = referrers::list(&session, &manifest, &answer).await {
            let note = format!("{image} is pushed, but not listed with its target: {error}");
            let _ = events.send(Event::Note(note));
        }
        Ok(())
    }
}

/// How many bytes a push of the image will report.
pub(super) fn pushed_bytes(contents: &ImageContents) -> u64 {
    bytes(&distinct(contents.blobs()))
}

fn bytes(blobs: &[Blob]) -> u64 {
    blobs.iter().map(|blob| blob.size).sum()
}

fn distinct(mut blobs: Vec<Blob>) -> Vec<Blob> {
    let mut seen = HashSet::new();
    blobs.retain(|blob| seen.insert(blob.digest));
    blobs
}

/// The repositories of the same registry that blobs could be mounted from.
fn mountable(image: &RegistryReference, from: &[RegistryReference]) -> Arc<[String]> {
    let elsewhere = from
        .iter()
        .filter(|other| other.host() == image.host() && other.repository() != image.repository());
    let mut repositories: Vec<String> =
        elsewhere.map(|other| other.repository().to_owned()).collect();
    repositories.sort();
    repositories.dedup();
    repositories.into()
}
