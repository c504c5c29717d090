//! What a build writes on: lines with the names before them that balenaCloud's builder gives them.

use std::sync::Arc;

use super::element::Element;
use super::queue::Queue;
use super::words::{Tag, bar};

/// The lines that whoever pushes sees.
#[derive(Debug, Clone)]
pub(in crate::builder) struct Screen {
    queue: Arc<Queue>,
}

impl Screen {
    pub(in crate::builder) fn new(queue: Arc<Queue>) -> Self {
        Screen { queue }
    }

    /// Tells the release's ID.
    pub(in crate::builder) fn release(&self, id: u64) {
        self.queue.push(&Element::Release(id));
    }

    /// A line after a tag.
    pub(in crate::builder) fn line(&self, tag: Tag<'_>, text: &str) {
        self.queue.push(&Element::Line(tag.before(text)));
    }

    /// A line with nothing before it.
    pub(in crate::builder) fn plain(&self, text: &str) {
        self.queue.push(&Element::Line(text.to_owned()));
    }

    /// A line that the next one overwrites.
    pub(in crate::builder) fn passing(&self, tag: Tag<'_>, text: &str) {
        self.queue.push(&Element::Passing(tag.before(text)));
    }

    /// A bar that the next one overwrites.
    pub(in crate::builder) fn bar(&self, percent: u8) {
        self.queue.push(&Element::Passing(bar(percent)));
    }

    /// Clears a bar.
    pub(in crate::builder) fn erase(&self) {
        self.queue.push(&Element::Erase);
    }

    /// The last line, of a build that failed.
    pub(in crate::builder) fn failed(&self, text: &str) {
        self.queue.push(&Element::Failure(Tag::Error.before(text)));
        self.queue.close();
    }

    /// The last line, of a build that succeeded.
    pub(in crate::builder) fn succeeded(&self, text: &str) {
        self.queue.push(&Element::Success(text.to_owned()));
        self.queue.close();
    }
}
