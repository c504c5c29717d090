//! The engine room: where Docker Engines are, and connections to them: sockets of this machine, TCP, TLS.
//!
//! Door: [`EngineAddress`] names an engine, `certificates_for` has what is shown to it, `connect` gives bytes there
//! and back. The builder and the image room's transport `docker-daemon` share this.
//!
//! Not here: what engines are asked.

mod address;
mod certificates;
mod connection;

pub use address::{AddressError, EngineAddress};
pub use certificates::CertificatesError;
pub(crate) use certificates::certificates_for;
pub(crate) use connection::{NoConnection, connect};
