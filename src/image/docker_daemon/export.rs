//! An image on its way out of an engine.

use std::io::Read;

use http::Method;
use http_body_util::BodyExt as _;

use super::call::{Answer, Engine, call};
use super::error::DaemonError;
use crate::image::registry::runtime::{self, PieceReader, PieceSender};
use crate::image::{EngineImage, ImageError, ImageReference};
use crate::progress::Progress;

/// The image as a docker archive, as it comes in. The engine stops when the reader is dropped.
pub(super) fn export(
    engine: Engine,
    reference: &ImageReference,
    image: &EngineImage,
    progress: &dyn Progress,
) -> Result<impl Read + Send + use<>, ImageError> {
    let path = format!("/images/{image}/get");
    let place = reference.to_string();
    let (engine, answer) = runtime::run_watched(progress, async move {
        match engine.send(call(Method::GET, &path)).await {
            Ok(answer) => Ok((engine, answer)),
            Err(error) => Err(not_there(error, place)),
        }
    })?;
    let (sender, reader) = PieceReader::new();
    runtime::spawn(pass_on(engine, answer, sender))?;
    Ok(reader)
}

fn not_there(error: DaemonError, reference: String) -> ImageError {
    match error {
        DaemonError::Answer { status: 404, .. } => {
            ImageError::NotFound { reference, names: Vec::new() }
        }
        // Older engines call a missing image a failure of their own.
        DaemonError::Answer { status: 500.., message, .. } if message.contains("No such image") => {
            ImageError::NotFound { reference, names: Vec::new() }
        }
        error => error.into(),
    }
}

async fn pass_on(engine: Engine, mut answer: Answer, sender: PieceSender) {
    while let Some(frame) = answer.body.frame().await {
        let piece = match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => Ok(data),
            // Trailers.
            Ok(Err(_)) => continue,
            Err(error) => Err(ImageError::from(engine.lost(&error)).into()),
        };
        let failed = piece.is_err();
        // A reader that is gone wants no more.
        if sender.send(piece).await.is_err() || failed {
            return;
        }
    }
}
