//! Images of a Docker Engine, read and put there through its API as docker archives (the transport `docker-daemon` of
//! containers-transports(5)). What comes is spooled like an archive from a pipe; what goes is streamed.

mod call;
mod error;
mod export;
mod load;

pub use error::DaemonError;

use http::Method;

use self::call::{Engine, call};
use super::archive_file::{Archive, Spool};
use super::registry::runtime;
use super::{
    EngineImage, EnginePlace, Image, ImageContents, ImageError, ImageReference, docker_archive,
};
use crate::progress::{Progress, Silent};

/// Opens an image of the engine.
pub(super) fn open(
    reference: &ImageReference,
    image: &EngineImage,
    place: &EnginePlace,
    spool: &Spool,
    progress: &dyn Progress,
) -> Result<Image, ImageError> {
    let engine = Engine::at(place)?;
    let bytes = export::export(engine, reference, image, progress)?;
    let archive = Archive::of_stream(bytes, &reference.to_string(), spool)?;
    docker_archive::open_only(reference, archive)
}

/// Looks whether the engine answers, and whether it could give the image its name.
pub(super) fn probe(
    reference: &ImageReference,
    image: &EngineImage,
    place: &EnginePlace,
) -> Result<(), ImageError> {
    load::name(reference, image)?;
    let engine = Engine::at(place)?;
    runtime::run_watched(&Silent, async move {
        engine.answer_soon(call(Method::GET, "/_ping")).await.map(drop).map_err(ImageError::from)
    })
}

/// Puts an image into the engine. Whatever had its name stays there without one.
pub(super) fn write(
    reference: &ImageReference,
    image: &EngineImage,
    place: &EnginePlace,
    contents: &ImageContents,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let name = load::name(reference, image)?;
    load::load(Engine::at(place)?, name, contents, progress)
}
