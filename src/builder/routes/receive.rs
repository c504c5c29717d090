//! A project's bytes, from the network to a file.

use std::fs::File;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::caller::defect;
use super::refusal::Refusal;
use crate::builder::service::Service;
use crate::builder::upload::{Upload, UploadError};

/// Pieces on their way from the network to the disk.
const PIECES: usize = 8;

/// Reads a project to its end.
pub(super) async fn receive(service: &Arc<Service>, body: Body) -> Result<File, Refusal> {
    let (sender, pieces) = mpsc::channel(PIECES);
    let settings = service.settings.clone();
    let keep = move || keep(Upload::new(&settings.folder, settings.projects)?, pieces);
    let kept = tokio::task::spawn_blocking(keep);
    let sent = send(service, body, sender).await;
    let kept = kept.await.map_err(|_| defect())?;
    let kept = kept.map_err(|error| Refusal::new(status(&error), error.to_string()));
    match sent {
        // What came broken off is damaged too, and that is not why.
        Err(Some(refusal)) => Err(refusal),
        Err(None) => kept,
        Ok(bytes) => {
            service.metrics.took(bytes);
            kept
        }
    }
}

/// Passes the body on; `Err(None)` if nobody takes it any more.
async fn send(
    service: &Service,
    body: Body,
    sender: mpsc::Sender<Bytes>,
) -> Result<u64, Option<Refusal>> {
    let silence = service.settings.projects.silence;
    let (mut stream, mut bytes) = (body.into_data_stream(), 0);
    loop {
        let late = |_| {
            let reason = format!("Nothing came of the project for {} s", silence.as_secs());
            Some(Refusal::new(StatusCode::REQUEST_TIMEOUT, reason))
        };
        let next = tokio::select! {
            next = tokio::time::timeout(silence, stream.next()) => next.map_err(late)?,
            () = service.door.stopping.cancelled() => return Err(Some(stopping())),
        };
        let Some(piece) = next else { return Ok(bytes) };
        let broken = |error| {
            let reason = format!("The project did not come whole: {error}");
            Some(Refusal::new(StatusCode::BAD_REQUEST, reason))
        };
        let piece = piece.map_err(broken)?;
        bytes += piece.len() as u64;
        sender.send(piece).await.map_err(|_| None)?;
    }
}

fn keep(mut upload: Upload, mut pieces: mpsc::Receiver<Bytes>) -> Result<File, UploadError> {
    while let Some(piece) = pieces.blocking_recv() {
        upload.take(&piece)?;
    }
    upload.finish()
}

fn status(error: &UploadError) -> StatusCode {
    match error {
        UploadError::Packed(_) | UploadError::Unpacked(_) | UploadError::Ratio => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        UploadError::Damaged(_) | UploadError::Empty => StatusCode::BAD_REQUEST,
        UploadError::NoRoom(_) => StatusCode::INSUFFICIENT_STORAGE,
    }
}

pub(super) fn stopping() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "The builder is stopping: push again")
}
