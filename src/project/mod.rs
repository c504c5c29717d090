//! A pushed project: the services that its files describe, and what each is built from.
//!
//! Everything is read out of the one tar that somebody pushed; nothing here opens a file, reads the environment or
//! contacts anybody.
//!
//! Not here: how a project arrives and who may push (the builder room), and how images are built (its engines).

mod bases;
mod buildkit;
mod compose;
mod context;
mod contract;
mod dockerfile;
mod dotenv;
mod error;
#[cfg(any(fuzzing, test))]
#[cfg_attr(not(fuzzing), allow(unreachable_pub, reason = "fuzz targets alone reach it"))]
pub mod fuzzing;
mod index;
mod instructions;
mod interpolate;
mod limits;
mod metadata;
mod path;
mod plan;
mod read;
mod registry_secrets;
mod template;
#[cfg(test)]
mod test_projects;
mod yaml;

pub(crate) use context::write_context;
pub(crate) use error::ProjectError;
pub(crate) use index::ProjectTar;
pub(crate) use limits::ProjectLimits;
pub(crate) use plan::{BuildPlan, BuildSecret, Circumstances, Project, Service, Source};
pub(crate) use read::read_project;
pub(crate) use registry_secrets::RegistrySecrets;
