//! One service's image: built and pushed by an engine, or copied.

use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use super::context::channel;
use super::copy::Copy;
use super::failure::ImageFailure;
use super::log::Log;
use super::registry::{TAG, pushed, split};
use super::upload_bar::UploadBar;
use super::work::Work;
use crate::api::Secret;
use crate::builder::answer::{Tag, bytes};
use crate::builder::engine::{
    Architecture, BuildRequest, BuildSecret, Built, Engine, Line, Login, Place, Wanted,
};
use crate::builder::settings::BuildKitUse;
use crate::image::Transports;
use crate::progress::{Progress, Stage};
use crate::project::{BuildPlan, ProjectTar, RegistrySecrets, Service, Source, write_context};
use crate::release::rows::ReleaseRows;

/// What all images of a release are made with.
pub(super) struct ImageMaker<'a> {
    pub(super) work: &'a Work,
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
        let request =
            self.request(plan, location, buildkit, self.token(location, &bases(plan, location))?)?;
        let built = self.build_at(engine, service, plan, &request, log);
        let pushed = built.and_then(|built| {
            // A push may begin hours later.
            let token = self.token(location, &[])?;
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

    fn uses_buildkit(&self, plan: &BuildPlan) -> Result<bool, ImageFailure> {
        let settings = &self.work.service.settings;
        let needs = plan.needs_buildkit.as_ref();
        let why = needs.map(|needs| format!("line {} has {}", needs.line, needs.what));
        let why = why.or_else(|| (!plan.secrets.is_empty()).then(|| "it has build secrets".into()));
        match (settings.buildkit, why) {
            (BuildKitUse::Always, _) | (BuildKitUse::WhereNeeded, Some(_)) => Ok(true),
            (BuildKitUse::WhereNeeded | BuildKitUse::Never, None) => Ok(false),
            (BuildKitUse::Never, Some(why)) => Err(ImageFailure::Refused(format!(
                "{} needs BuildKit, which this builder is set not to use: {why}",
                plan.dockerfile
            ))),
        }
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

    fn request(
        &self,
        plan: &BuildPlan,
        location: &str,
        buildkit: bool,
        token: Secret,
    ) -> Result<BuildRequest, ImageFailure> {
        let mut registries: std::collections::BTreeMap<String, Login> = self
            .secrets
            .iter()
            .map(|(registry, login)| {
                let (username, password) = (login.username.clone(), login.password.clone());
                (registry.to_owned(), Login::Password { username, password })
            })
            .collect();
        registries.entry(split(location).0.to_owned()).or_insert(Login::Token(token));
        let secret = |secret: &crate::project::BuildSecret| BuildSecret {
            id: secret.id.clone(),
            content: secret.content(self.tar).to_vec(),
        };
        let mut request = BuildRequest::new(location, &plan.dockerfile, self.architecture);
        request.by_platform = self.is_foreign();
        request.arguments = plan.arguments.clone();
        request.labels = plan.labels.clone();
        request.no_cache = self.work.push.no_cache;
        request.pull = self.work.push.no_cache;
        request.target = plan.target.clone();
        request.cache_from = plan.cache_from.clone();
        request.extra_hosts = plan.extra_hosts.clone();
        request.shm_size = plan.shm_size;
        request.registries = registries;
        request.buildkit = buildkit;
        request.secrets = plan.secrets.iter().map(secret).collect();
        Ok(request)
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

    /// Whether base images have to be asked for by platform: an engine takes its own processors' otherwise.
    fn is_foreign(&self) -> bool {
        let is_native = matches!(self.architecture, Architecture::Amd64 | Architecture::Aarch64);
        self.work.push.is_emulated || !is_native
    }

    /// A token for the registry that permits to push there, and to pull from `others` and the last release.
    fn token(&self, location: &str, others: &[String]) -> Result<Secret, ImageFailure> {
        let api = ReleaseRows::new(&self.work.caller.installation)?;
        let others: Vec<String> =
            others.iter().chain(self.last).map(|name| untagged(name)).collect();
        Ok(api.pushing_token(location, &others)?)
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
