//! The fetch room: the cheapest way to an image, from the images that are at hand already.
//!
//! Here live the bases that the store has, the deltas that are found for them, the choice between these and plain
//! layers by bytes and time, blobs that are taken up where a run before stopped, and the report. Not here: how a delta
//! is applied (its dialect), how layers and names are kept (`store`), and what is done with the image afterwards.
//!
//! ```text
//! target's manifest and config -> layers at hand -> bases at hand -> deltas between them and the target
//!   -> plan: each missing layer by delta or blob -> layers proved by their diff IDs -> the image has its name
//! ```

mod bases;
mod by_any_way;
mod carry_out;
mod cost;
mod counted;
mod error;
mod failed;
mod find;
mod opened;
mod options;
mod patience;
mod plan;
mod pull;
mod repair;
mod report;
mod request;
#[cfg(feature = "api")]
mod server;
mod tried;

pub use cost::Link;
pub use error::FetchError;
#[cfg(feature = "api")]
pub use options::DeltaServer;
pub use options::PullOptions;
pub use plan::Plan;
pub use pull::{Pulled, plan, pull};
pub use repair::{RepairReport, repair};
pub use report::{LayerWay, PullReport, Way};
