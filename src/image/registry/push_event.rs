//! What the pushing tasks tell the thread that waits for them.

use crate::image::ImageError;

/// Something that happened while a push was under way.
pub(super) enum Event {
    /// So many bytes more are there.
    Sent(u64),
    /// Something went wrong that does not matter to whoever pulls the image.
    Note(String),
    /// All is done, or nothing more will be.
    Done(Result<(), ImageError>),
}
