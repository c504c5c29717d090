//! One service's image: built and pushed by an engine, or copied.

use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use super::context::channel;
use super::copy::Copy;
use super::failure::ImageFailure;
use super::log::Log;
use super::patience::patiently;
use super::registry::{TAG, pushed, split};
use super::upload_bar::UploadBar;
use super::work::Work;
use crate::api::Secret;
use crate::builder::answer::{Tag, bytes};
use crate::builder::engine::{
    Architecture, BuildRequest, Built, Engine, EngineError, Line, Login, Place, Wanted,
};
use crate::image::Transports;
use crate::progress::{Progress, Stage};
use crate::project::{BuildPlan, ProjectTar, RegistrySecrets, Service, Source, write_context};
use crate::release::rows::ReleaseRows;

/// How long a token of the registry is used: the API's last for four hours, and a push takes some of them.
const FRESH: Duration = Duration::from_secs(30 * 60);

/// What all images of a release are made with.
pub(super) struct ImageMaker<'a> {
    pub(super) work: &'a Work,
    pub(super) api: &'a ReleaseRows,
    pub(super) tar: &'a ProjectTar<'a>,
    pub(super) secrets: &'a RegistrySecrets,
    pub(super) architecture: Architecture,
    /// Where the images of the fleet's last release are.
    pub(super) last: &'a [String],
    /// Cancelled when one image cannot be made: the others are of no use.
    pub(super) stop: &'a CancellationToken,
    pub(super) bar: &'a UploadBar,
}

/// An image that is in the registry.
pub(super) struct Made {
    pub(super) content_hash: String,
    pub(super) size: u64,
    pub(super) pushed: SystemTime,
    pub(super) taken: Duration,
}

impl ImageMaker<'_> {
    /// Makes the image of a service at `location`; `log` gets what was said.
    pub(super) fn make(
        &self,
        number: usize,
        service: &Service,
        location: &str,
        log: &mut Log,
    ) -> Result<Made, ImageFailure> {
        let begun = Instant::now();
        let (content_hash, size) = match &service.source {
            Source::Build(plan) => self.build(number, service, plan, location, log)?,
            Source::Image(name) => self.copy(service, name, location, log)?,
        };
        Ok(Made { content_hash, size, pushed: SystemTime::now(), taken: begun.elapsed() })
    }

    fn copy(
        &self,
        service: &Service,
        from: &str,
        to: &str,
        log: &mut Log,
    ) -> Result<(String, u64), ImageFailure> {
        let text = format!("Copying {from}");
        self.work.screen.line(Tag::Service(&service.name), &text);
        log.add(&text);
        let token = self.token(to, &[from.to_owned()])?;
        let (architecture, secrets) = (self.architecture, self.secrets);
        let copy = Copy { from, to, architecture, token: &token, secrets };
        let (digest, size) = copy.make(self.work, self)?;
        Ok((digest.to_string(), size))
    }

    fn build(
        &self,
        number: usize,
        service: &Service,
        plan: &BuildPlan,
        location: &str,
        log: &mut Log,
    ) -> Result<(String, u64), ImageFailure> {
        let buildkit = self.uses_buildkit(plan)?;
        let place = self.place(&service.name)?;
        let engine = place.engine();
        let token = self.token(location, &bases(plan, location))?;
        let fetched = Instant::now();
        let request = self.request(plan, location, buildkit, token.clone())?;
        let pushed = self.unless_vanished(service, log, |log| {
            let built = self.build_anyhow(engine, service, plan, request.clone(), log)?;
            let token = match fetched.elapsed() < FRESH {
                true => token.clone(),
                false => self.token(location, &[])?,
            };
            self.push(engine, number, location, &Login::Token(token.clone()))?;
            Ok((built, token))
        });
        if pushed.is_err() {
            // Layers stay as cache; nothing else is to be told.
            let _ = self.work.handle.block_on(engine.remove_tag(location, TAG));
        }
        let (built, token) = pushed?;
        drop(place);
        let transports = self.work.transports(location, &token, |_| ())?;
        Ok((self.pushed_digest(&transports, location)?, built.size))
    }

    /// Makes an image, and once more if somebody removed the image from the engine before it was pushed: others may use
    /// the same engine.
    fn unless_vanished<T>(
        &self,
        service: &Service,
        log: &mut Log,
        mut make: impl FnMut(&mut Log) -> Result<T, ImageFailure>,
    ) -> Result<T, ImageFailure> {
        let made = make(log);
        if !matches!(&made, Err(ImageFailure::Engine(EngineError::Vanished { .. }))) {
            return made;
        }
        let text = "Somebody removed the image from the engine: building again";
        self.work.screen.line(Tag::Service(&service.name), text);
        log.add(text);
        make(log)
    }

    fn place(&self, service: &str) -> Result<Place, ImageFailure> {
        let work = self.work;
        let wanted = Wanted {
            architecture: self.architecture,
            emulated: work.push.is_emulated,
            user: work.caller.user.clone(),
            fleet: work.caller.fleet.slug.clone(),
            images: self.last.to_vec(),
        };
        let screen = &work.screen;
        let waiting = |before: usize| {
            let before = match before {
                0 => "it is the next".to_owned(),
                before => format!("{before} before it"),
            };
            screen.line(Tag::Info, &format!("Waiting for a place to build {service}: {before}"));
        };
        let place = self.wait(work.service.engines.place(&wanted, &waiting))??;
        for away in place.away() {
            screen.line(Tag::Warn, &format!("{} is away: {}", away.engine, away.reason));
        }
        screen.line(Tag::Info, &format!("Building {service} on {}", place.host()));
        Ok(place)
    }

    /// Builds, and once more without the cache if that was for other processors: to the classic builder a layer on nothing
    /// is the same for all.
    fn build_anyhow(
        &self,
        engine: &Engine,
        service: &Service,
        plan: &BuildPlan,
        mut request: BuildRequest,
        log: &mut Log,
    ) -> Result<Built, ImageFailure> {
        let built = self.build_at(engine, service, plan, &request, log);
        let is_other =
            matches!(&built, Err(ImageFailure::Engine(EngineError::WrongArchitecture { .. })));
        if !is_other || !plan.bases.from_nothing || request.no_cache {
            return built;
        }
        let text = "The engine's cache is for other processors: building again without it";
        self.work.screen.line(Tag::Service(&service.name), text);
        log.add(text);
        request.no_cache = true;
        self.build_at(engine, service, plan, &request, log)
    }

    fn build_at(
        &self,
        engine: &Engine,
        service: &Service,
        plan: &BuildPlan,
        request: &BuildRequest,
        log: &mut Log,
    ) -> Result<Built, ImageFailure> {
        let (writer, context) = channel();
        let screen = &self.work.screen;
        let mut sink = |line: Line| match line {
            Line::Text(text) => {
                screen.line(Tag::Service(&service.name), &text);
                log.add(&text);
            }
            Line::Replace(text) => screen.passing(Tag::Service(&service.name), &text),
        };
        std::thread::scope(|scope| {
            let fill = move || writer.fill(|out| write_context(self.tar, plan, out));
            let started = std::thread::Builder::new().name("context".to_owned());
            started.spawn_scoped(scope, fill).map_err(|error| {
                ImageFailure::Refused(format!("the builder has no room: {error}"))
            })?;
            Ok(self.wait(engine.build(request, context, &mut sink))??)
        })
    }

    fn push(
        &self,
        engine: &Engine,
        number: usize,
        location: &str,
        login: &Login,
    ) -> Result<(), ImageFailure> {
        let mut progress = |progress| self.bar.show(number, progress);
        self.wait(engine.push(location, TAG, login, &mut progress))??;
        Ok(())
    }

    /// The digest of the image's manifest that the registry has now.
    fn pushed_digest(
        &self,
        transports: &Transports,
        location: &str,
    ) -> Result<String, ImageFailure> {
        let (image, digest) = pushed(transports, location, self.architecture, self)?;
        tracing::info!(location, %digest, size = bytes(image.stored_bytes()), "pushed");
        Ok(digest.to_string())
    }

    /// A token for the registry that permits to push there, and to pull from `others` and the last release.
    fn token(&self, location: &str, others: &[String]) -> Result<Secret, ImageFailure> {
        let others: Vec<String> =
            others.iter().chain(self.last).map(|name| untagged(name)).collect();
        patiently(self.work, || self.api.pushing_token(location, &others))
    }

    /// Waits for something, unless the build is to end.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T, ImageFailure> {
        self.work.handle.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => Err(ImageFailure::Stopped),
                done = future => Ok(done),
            }
        })
    }
}

/// The images of the installation's own registry that a Dockerfile names: other releases' images, as bases.
fn bases(plan: &BuildPlan, location: &str) -> Vec<String> {
    let own = format!("{}/", split(location).0);
    let words = plan.dockerfile_text.split(|c: char| c.is_whitespace() || "=,\"'".contains(c));
    words.filter(|word| word.starts_with(&own)).map(str::to_owned).collect()
}

/// The name of an image without tag and digest.
fn untagged(name: &str) -> String {
    let bare = name.split('@').next().unwrap_or_default();
    let tag = bare.rfind(':').filter(|colon| !bare[*colon..].contains('/'));
    bare[..tag.unwrap_or(bare.len())].to_owned()
}

/// Copies stop when the build is to end.
impl Progress for ImageMaker<'_> {
    fn expect(&self, _stage: Stage, _units: u64) {}

    fn advance(&self, _stage: Stage, _units: u64) {}

    fn cancelled(&self) -> bool {
        self.stop.is_cancelled()
    }
}
