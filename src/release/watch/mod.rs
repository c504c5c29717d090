//! Watching fleets: the deltas of every new release are made by themselves, and drafts let out by rule.
//!
//! Nothing is kept but in memory: whoever begins anew looks at each fleet's last releases and asks for all
//! deltas again, which costs nothing where they are ready.

mod changes;
mod event;
mod life;
mod options;
mod watcher;
mod work;

pub use event::{Decision, WatchEvent, WatchNews};
pub use life::{Pause, watch};
pub use options::{FinalizeRule, WatchOptions, WatchedFleets};
