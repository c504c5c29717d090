//! The command line: what can be said.

use clap::builder::{OsStr, Resettable};
use clap::{Arg, CommandFactory as _, Parser, Subcommand};

use super::apply::Apply;
use super::builder::Builder;
use super::bundle::Bundle;
use super::completions::Completions;
use super::create::Create;
use super::deploy::Deploy;
use super::deployments::ListDeployments;
use super::diff::Diff;
use super::help;
use super::images::{Images, Rmi};
use super::inspect::Inspect;
use super::list::List;
use super::login::{Login, Logout};
use super::man::Man;
use super::output_arguments::OutputArguments;
use super::prepare::Prepare;
use super::pull::Pull;
use super::release::Release;
use super::rollback::Rollback;
use super::run::Run;
use super::serve::Serve;
use super::store::Store;
use super::undeploy::Undeploy;
use super::unpack::Unpack;

const AFTER_HELP: &str = "\
Images and deltas are named the same way everywhere:
  registry.example.com/app:1        in a registry (docker://… works too)
  oci:DIR[:TAG]                     in an OCI image layout (oci:DIR@DIGEST works too)
  oci-archive:FILE[:TAG]            in an OCI image layout packed as a tar
  docker-archive:FILE[:NAME:TAG]    in a tar as 'docker save' writes it; - is stdin or stdout
  docker-daemon:NAME:TAG            in a Docker Engine (docker-daemon:sha256:ID works too)

Exit codes: 0 done, 1 a defect in Remora, 2 wrong usage, 3 the surroundings failed (network,
registry, disk), 4 the content was refused (corrupt, wrong base), 130 interrupted.

Examples:
  Make a delta from version 1 to version 2 and push it:
    remora create registry.example.com/app:1 registry.example.com/app:2 \\
      --output registry.example.com/app:delta-1-2
  See what a delta would cost, and which files are to blame:
    remora diff registry.example.com/app:1 registry.example.com/app:2 --files 10
  Rebuild version 2 from version 1 and the delta:
    remora apply oci:app:1 registry.example.com/app:delta-1-2 --output oci:app:2";

/// Container image deltas without a container engine.
///
/// Reads two images straight from a registry, an OCI layout or a docker archive and writes the
/// delta between them as a small image that balena-engine pulls. Needs no daemon, no root.
#[derive(Debug, Parser)]
#[command(name = "remora", version, after_long_help = AFTER_HELP, max_term_width = 100)]
#[command(disable_help_subcommand = false, subcommand_required = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Create(Create),
    Apply(Apply),
    Diff(Diff),
    Inspect(Inspect),
    List(List),
    Login(Login),
    Logout(Logout),
    Pull(Pull),
    Images(Images),
    Rmi(Rmi),
    Store(Store),
    Unpack(Unpack),
    Bundle(Bundle),
    Deploy(Box<Deploy>),
    Rollback(Rollback),
    Undeploy(Undeploy),
    Deployments(ListDeployments),
    Run(Run),
    Serve(Box<Serve>),
    Builder(Box<Builder>),
    Prepare(Box<Prepare>),
    Release(Box<Release>),
    Completions(Completions),
    Man(Man),
}

impl Arguments {
    /// The command line as it is documented, whatever the environment holds.
    pub(super) fn documented() -> clap::Command {
        help::arranged(Arguments::command())
    }

    /// The command line as clap reads it.
    pub(super) fn definition() -> clap::Command {
        help::arranged(without_empty_variables(Arguments::command()))
    }
}

/// The same command without those variables that are empty: they are as if they were not set.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &Arg| {
        let name = arg.get_env();
        name.and_then(std::env::var_os).is_some_and(|value| value.is_empty())
    };
    let command = command.mut_args(|arg| match is_empty(&arg) {
        true => arg.env(Resettable::<OsStr>::Reset),
        false => arg,
    });
    command.mut_subcommands(without_empty_variables)
}

impl Command {
    /// How many threads are to compute, if somebody said.
    pub(super) fn threads(&self) -> Option<u16> {
        match self {
            Command::Create(create) => create.threads(),
            Command::Diff(diff) => diff.threads(),
            _ => None,
        }
    }

    /// Has this process enter a user namespace if the command makes files for several users, or reads layers that are
    /// put together from such, and an ordinary user runs it.
    pub(super) fn enter_namespace(&mut self) {
        match self {
            Command::Unpack(unpack) => unpack.arguments.enter_namespace(),
            Command::Bundle(bundle) => bundle.arguments.enter_namespace(),
            Command::Deploy(deploy) => deploy.enter_namespace(),
            Command::Undeploy(undeploy) => undeploy.enter_namespace(),
            Command::Pull(pull) => pull.access.enter_namespace_for_files(),
            Command::Create(create) => create.enter_namespace(),
            Command::Apply(apply) => apply.access.enter_namespace_for_files(),
            Command::Diff(diff) => diff.access.enter_namespace_for_files(),
            Command::Store(store) => store.enter_namespace(),
            _ => {}
        }
    }

    /// The command's name as it is typed.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Command::Create(_) => "create",
            Command::Apply(_) => "apply",
            Command::Diff(_) => "diff",
            Command::Inspect(_) => "inspect",
            Command::List(_) => "list",
            Command::Login(_) => "login",
            Command::Logout(_) => "logout",
            Command::Pull(_) => "pull",
            Command::Images(_) => "images",
            Command::Rmi(_) => "rmi",
            Command::Store(store) => store.name(),
            Command::Unpack(_) => "unpack",
            Command::Bundle(_) => "bundle",
            Command::Deploy(_) => "deploy",
            Command::Rollback(_) => "rollback",
            Command::Undeploy(_) => "undeploy",
            Command::Deployments(_) => "deployments",
            Command::Run(_) => "run",
            Command::Serve(_) => "serve",
            Command::Builder(_) => "builder",
            Command::Prepare(_) => "prepare",
            Command::Release(release) => release.name(),
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }
}
