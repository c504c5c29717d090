//! Layers that writers of tars left in odd forms: every room sees the same entries, and so do other
//! people's readers. Go's archive/tar counts where readers differ, because engines unpack with it.

pub(crate) mod build;
mod images;
mod readers;
mod rooms;
mod stacks;
