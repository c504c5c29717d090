//! Being a server: where it listens, whom it lets in, what every request goes through, and how it stops.
//!
//! Door: [`run`] runs whatever is a [`Serve`] until a signal ends it, behind a [`Door`].
//!
//! Not here: what is asked and answered (the server and builder rooms).

mod connections;
mod error;
mod folder_lock;
mod host;
mod life;
mod listen;
mod network;
mod request_id;
mod settings;
mod tls;

pub(crate) use connections::ConnectionCounts;
pub(crate) use error::io_error;
pub(crate) use folder_lock::FolderLock;
pub(crate) use host::host_problem;
#[cfg(feature = "server")]
pub(crate) use life::CLOSE_TIME;
pub(crate) use life::{Serve, run};
pub(crate) use listen::Door;
#[cfg(feature = "server")]
pub(crate) use network::network_of;
pub(crate) use request_id::RequestId;

pub use error::ServingError;
pub use life::Ended;
pub use settings::{ListenSettings, TlsFiles};
