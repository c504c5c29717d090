//! The command line room: parse, call the library, print. One file a command.
//!
//! Nothing here knows a format or moves image data itself; stdout carries answers and nothing else.

mod access;
mod allocator;
mod apply;
mod arguments;
mod builder;
mod bundle;
mod completions;
mod create;
mod defect;
mod delta_place;
mod deploy;
mod deployment_arguments;
mod deployments;
mod dialect;
mod diff;
mod digest_file;
#[cfg(test)]
mod documented_settings;
mod encoding;
mod exit_code;
mod failure;
mod help;
mod image_name;
mod images;
mod inspect;
mod interrupt;
mod kept_name;
mod layers;
mod limits;
mod list;
mod listen_arguments;
mod log;
mod login;
mod man;
mod output_arguments;
mod owner_arguments;
mod password;
mod plain;
mod platform_choice;
mod prepare;
mod progress;
mod pull;
mod registry_access;
mod release;
mod remedies;
mod replace;
mod report;
mod resources;
mod rollback;
mod run;
mod secret;
mod serve;
mod server_life;
mod session;
mod store;
mod table;
mod troubles;
mod trust_arguments;
mod undeploy;
mod units;
mod unpack;
mod unpack_arguments;
mod usage;
mod verify;
mod watched;
mod way_arguments;

use std::process::ExitCode;
use std::sync::Arc;

use clap::FromArgMatches as _;

use self::arguments::{Arguments, Command};
use self::failure::Failure;
use self::output_arguments::OutputArguments;
use self::progress::Screen;
use self::session::Session;

#[global_allocator]
static ALLOCATOR: allocator::LargePages = allocator::LargePages;

/// Runs the command line of this process and gives its exit code.
pub(crate) fn main() -> ExitCode {
    let parsed = Arguments::definition()
        .try_get_matches()
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let Arguments { mut command, output } = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return usage::answer(&error),
    };
    // A process with threads can't enter a user namespace.
    command.enter_namespace();
    let screen = Arc::new(Screen::new(output.progress, output.quiet));
    allocator::give_back();
    resources::prepare();
    let session = Session::new(command.name(), Arc::clone(&screen), output.json, output.quiet);
    // A server has a log and a way to stop of its own.
    if !matches!(command, Command::Serve(_) | Command::Builder(_)) {
        if let Err(failure) = log::install(Arc::clone(&screen), output.verbose, output.quiet) {
            return session.fail(&failure);
        }
        defect::install();
        interrupt::install(screen);
        resources::start_computing(command.threads());
    }
    match defect::guard(|| run(command, &output, &session)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => session.fail(&failure),
    }
}

fn run(command: Command, output: &OutputArguments, session: &Session) -> Result<(), Failure> {
    resources::check_start()?;
    match command {
        Command::Create(create) => create.run(session),
        Command::Apply(apply) => apply.run(session),
        Command::Diff(diff) => diff.run(session),
        Command::Inspect(inspect) => inspect.run(session),
        Command::List(list) => list.run(session),
        Command::Login(login) => login.run(session),
        Command::Logout(logout) => logout.run(session),
        Command::Pull(pull) => pull.run(session),
        Command::Images(images) => images.run(session),
        Command::Rmi(rmi) => rmi.run(session),
        Command::Store(store) => store.run(session),
        Command::Unpack(unpack) => unpack.run(session),
        Command::Bundle(bundle) => bundle.run(session),
        Command::Deploy(deploy) => deploy.run(session),
        Command::Rollback(rollback) => rollback.run(session),
        Command::Undeploy(undeploy) => undeploy.run(session),
        Command::Deployments(deployments) => deployments.run(session),
        Command::Run(run) => run.run(),
        Command::Serve(serve) => serve.run(output, Arguments::definition),
        Command::Builder(builder) => builder.run(output, Arguments::definition),
        Command::Prepare(prepare) => prepare.run(session),
        Command::Release(release) => release.run(session),
        Command::Completions(completions) => completions.run(Arguments::documented()),
        Command::Man(man) => man.run(Arguments::documented()),
    }
}
