//! What whoever pushes sees: one JSON array, element after element as things happen.
//!
//! Door: [`Screen`], which the build writes on, and [`AnswerBody`], the other end. Lines are as balenaCloud's builder
//! writes them, since scripts look for them. Formats: docs/formats/builder.md.
//!
//! Not here: what happens (the making room).

mod body;
mod element;
mod queue;
mod screen;
mod table;
mod words;

pub(super) use body::AnswerBody;
pub(super) use queue::Queue;
pub(super) use screen::Screen;
pub(super) use table::{Row, table};
pub(super) use words::{Tag, bytes, time};
