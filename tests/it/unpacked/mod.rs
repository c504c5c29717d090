//! Images on hosts without an engine: unpacked and started, as root and as an ordinary user.

mod bundle;
mod damaged;
mod deploy;
mod disk;
mod hostile;
mod hostile_layers;
mod layer;
mod metadata;
mod ordinary_user;
mod other_disks;
mod shared;
mod troubles;
mod unpack;
mod verify;
