//! The deploy room: images on disk beside each other, one of which is current.
//!
//! Here live the folder of what is deployed under a name, the check of a new deployment, the switch to it and back, and
//! what is started from it. Bundles are the bundle room's, and images come from the store. A power cut at any moment
//! leaves the old one current or the new one, each whole.
//!
//! ```text
//! NAME/lock                       locked while somebody deploys under the name
//! NAME/current -> 3               the deployment that is current: a link, replaced in one step
//! NAME/3/bundle/                  config.json and rootfs
//! NAME/3/deployment.json          what it is; written last: a folder without it is half-done
//! NAME/containers/                what a runtime writes down of those that run
//! ```

mod audit;
mod audit_report;
mod change;
mod check;
mod containers;
mod error;
mod folder;
mod held;
mod locked;
mod name;
mod record;
mod recover;
mod rollback;
mod running;
mod runtime;
mod start;
mod undeploy;

pub use audit::audit;
pub use audit_report::{AuditReport, DamagedDeployment};
pub use change::{DeployOptions, DeployReport, Outcome, deploy};
pub use check::Check;
pub use error::DeployError;
pub use folder::{Deployments, Site};
pub use name::DeploymentName;
pub use record::Deployment;
pub use recover::recover;
pub use rollback::{RollbackReport, rollback};
pub use running::end_checks;
pub use runtime::Runtime;
pub use start::start_command;
pub use undeploy::{UndeployReport, undeploy};
