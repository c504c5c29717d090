//! The order of everything.

use std::fs::File;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::begun::Begun;
use super::deltas::make_deltas;
use super::failure::{Failure, ImageFailure};
use super::image::{ImageMaker, Made};
use super::log::{Log, kept_dockerfile};
use super::patience::patiently;
use super::rows::{Rows, details, write_details};
use super::upload_bar::UploadBar;
use super::work::Work;
use crate::builder::answer::{Row, Tag, table, time};
use crate::builder::closing::close_leftovers_of;
use crate::builder::engine::Architecture;
use crate::project::{
    Circumstances, Project, ProjectLimits, ProjectTar, Service, Source, read_project,
};
use crate::release::rows::BuiltImage;
use crate::store::Mapping;

/// What API rows call an image that the project does not build.
const EXTERNAL: &str = "external service";

/// Makes the release. Rows that are open at the end of it are closed by whoever calls.
pub(super) fn run(
    work: &Work,
    file: File,
    rows: &mut Option<Rows>,
    begun: &mut Option<oneshot::Sender<Begun>>,
) -> Result<(), Failure> {
    let map = Mapping::of_nameless(file, &work.service.settings.folder)?;
    let entries = work.service.settings.projects.entries;
    let limits = ProjectLimits { entries, ..ProjectLimits::default() };
    let tar = ProjectTar::index(&map, &limits)?;
    let project = read_project(&tar, &circumstances(work))?;
    let architecture = architecture(work)?;
    let api = Arc::new(work.api()?);
    close_leftovers_of(&work.service, work.caller.fleet.id, &api);
    work.open_rows(api, &project, rows)?;
    let Some(rows) = rows else { return Ok(()) };
    if let Some(begun) = begun.take() {
        // Somebody who does not wait for it is not there.
        let _ = begun.send(Begun::Release(rows.release));
    }
    greet(work, &project);
    let images = make_images(work, rows, &tar, &project, architecture)?;
    finish(work, rows, &images)
}

fn circumstances(work: &Work) -> Circumstances {
    let fleet = &work.caller.fleet;
    Circumstances {
        architecture: fleet.architecture.clone(),
        device_type: fleet.device_type.clone(),
        fleet_name: fleet.name.clone(),
        commit: work.commit.clone(),
        dockerfile_path: work.push.dockerfile_path.clone(),
        multicontainer: fleet.multicontainer,
    }
}

fn architecture(work: &Work) -> Result<Architecture, Failure> {
    let name = &work.caller.fleet.architecture;
    name.parse().map_err(|_| {
        let name = crate::quote::quoted(name);
        Failure::NotBuildable(format!("nobody can build for devices of the architecture {name}"))
    })
}

fn greet(work: &Work, project: &Project) {
    let (fleet, user) = (&work.caller.fleet.slug, &work.caller.user);
    work.screen.line(Tag::Info, &format!("Starting build for {fleet}, user {user}"));
    for warning in &project.warnings {
        work.screen.line(Tag::Warn, warning);
    }
}

/// Makes all images, several at the same time. The rows of those that end are closed as they do.
fn make_images(
    work: &Work,
    rows: &mut Rows,
    tar: &ProjectTar<'_>,
    project: &Project,
    architecture: Architecture,
) -> Result<Vec<Row>, Failure> {
    let api = Arc::clone(&rows.api);
    let details = details(rows, &project.services);
    let last = last_locations(work, rows)?;
    let (stop, bar) = (work.ending.token.child_token(), UploadBar::new(work.screen.clone()));
    let maker = ImageMaker {
        work,
        api: &api,
        tar,
        secrets: &project.registry_secrets,
        architecture,
        last: &last,
        stop: &stop,
        bar: &bar,
    };
    let write = || {
        let written = write_details(&api, &details, || stop.is_cancelled());
        if written.is_err() {
            stop.cancel();
        }
        written
    };
    let (written, made) = thread::scope(|scope| {
        // Images need none of it: it is written while engines build.
        let writing = thread::Builder::new().name("details".to_owned()).spawn_scoped(scope, write);
        let early = writing.is_err().then(write);
        let made = side_by_side(&maker, &project.services, rows, &stop);
        let written = early.or_else(|| writing.ok()?.join().ok());
        (written.unwrap_or(Err(Failure::Defect)), made)
    });
    bar.clear();
    work.go_on()?;
    // What stopped the images for it says nothing.
    written?;
    made
}

/// What one thread came to.
struct Ended {
    number: usize,
    made: Result<Made, ImageFailure>,
    log: Log,
}

fn side_by_side(
    maker: &ImageMaker<'_>,
    services: &[Service],
    rows: &mut Rows,
    stop: &CancellationToken,
) -> Result<Vec<Row>, Failure> {
    let locations: Vec<String> = rows.images.iter().map(|row| row.image.location.clone()).collect();
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        let mut failure = None;
        for (number, service) in services.iter().enumerate() {
            let (sender, location) = (sender.clone(), &locations[number]);
            let body = move || {
                let mut log = Log::default();
                let made = maker.make(number, service, location, &mut log);
                // The receiver waits for all.
                let _ = sender.send(Ended { number, made, log });
            };
            let thread = thread::Builder::new().name("image".to_owned());
            if let Err(error) = thread.spawn_scoped(scope, body) {
                failure = Some(Failure::NoRoom(error));
                stop.cancel();
                break;
            }
        }
        drop(sender);
        let mut done: Vec<Option<Row>> = vec![None; services.len()];
        for result in results {
            let number = result.number;
            match note(rows, &services[number], result) {
                Ok(row) => done[number] = Some(row),
                Err(error) => {
                    stop.cancel();
                    // The first one says why; what was stopped for it says nothing.
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(done.into_iter().flatten().collect()),
        }
    })
}

/// Writes down what became of an image.
fn note(rows: &mut Rows, service: &Service, result: Ended) -> Result<Row, Failure> {
    let row = &mut rows.images[result.number];
    let named = |error| {
        let error = Box::new(error);
        Failure::Image { service: service.name.clone(), error }
    };
    match result.made {
        Ok(made) => {
            let (dockerfile, project_type) = match &service.source {
                Source::Build(plan) => (kept_dockerfile(&plan.dockerfile_text), plan.project_type),
                Source::Image(_) => (String::new(), EXTERNAL),
            };
            let built = BuiltImage {
                content_hash: &made.content_hash,
                size: made.size,
                pushed: made.pushed,
                dockerfile: &dockerfile,
                project_type,
                log: &result.log.text(),
            };
            rows.api.image_is_there(row.image.id, &built)?;
            row.is_closed = true;
            Ok(Row { service: service.name.clone(), size: made.size, taken: made.taken })
        }
        Err(ImageFailure::Stopped) => Err(named(ImageFailure::Stopped)),
        Err(error) => {
            rows.api.image_failed(row.image.id, &error.to_string(), &result.log.text())?;
            row.is_closed = true;
            Err(named(error))
        }
    }
}

fn last_locations(work: &Work, rows: &Rows) -> Result<Vec<String>, Failure> {
    match work.caller.fleet.tracked {
        Some(release) => patiently(work, || rows.api.locations(release)),
        None => Ok(Vec::new()),
    }
}

/// Says that the images are there, has deltas made, and lets the release out.
fn finish(work: &Work, rows: &Rows, images: &[Row]) -> Result<(), Failure> {
    work.go_on()?;
    let release = rows.release;
    rows.api.release_is_there(release)?;
    work.screen.line(Tag::Success, "Successfully uploaded images");
    let before = work.caller.fleet.tracked;
    make_deltas(work, release, before)?;
    work.go_on()?;
    let is_draft = work.push.is_draft;
    if !is_draft {
        patiently::<_, Failure>(work, || rows.api.release_is_final(release))?;
        work.screen.line(Tag::Success, "Release is final");
    }
    work.screen.line(Tag::Success, "Release successfully created!");
    work.screen.line(Tag::Info, &format!("Release: {} (id: {release})", work.commit));
    table(images).iter().for_each(|line| work.screen.plain(line));
    let taken = work.started.elapsed().unwrap_or_default();
    work.screen.succeeded(&format!("Build finished in {}", time(taken)));
    Ok(())
}
