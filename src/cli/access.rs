//! How images are reached: the options of every command that reads or writes one.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use remora::image::{
    ArchiveFile, Image, ImageError, ImageReference, Platform, Transports, UnpackLimits,
};
use remora::progress::Silent;
use remora::store::Store;
use remora::user_namespace;
use remora::v3::{self, V3Error};
use remora::{Cause, Dialect, Remedy};

use super::failure::Failure;
use super::limits::LimitArguments;
use super::platform_choice::PlatformChoice;
use super::registry_access::{CredentialArguments, RegistryArguments};
use super::remedies::{Asked, in_words};
use super::session::Session;

/// Where images come from and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Image options")]
pub(super) struct AccessArguments {
    /// Which image of a multi-platform one, as os/arch[/variant] [default: this machine's]
    #[arg(long)]
    platform: Option<PlatformChoice>,
    #[command(flatten)]
    store: StoreArguments,
    #[command(flatten)]
    credentials: CredentialArguments,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    limits: LimitArguments,
}

/// Where uncompressed layers are kept.
#[derive(Debug, Args)]
pub(super) struct StoreArguments {
    /// The folder that keeps uncompressed layers [default: remora in the user's cache]
    #[arg(long, env = "REMORA_STORE", hide_env_values = true, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
}

impl AccessArguments {
    /// The ways to `images`.
    pub(super) fn transports(&self, images: &[&ImageReference]) -> Result<Transports, Failure> {
        let mut settings = self.registry.settings();
        settings.login = self.credentials.login(images)?;
        settings.limits = self.limits();
        Ok(Transports::new(settings)?)
    }

    /// The file of certificates to trust beside the system's.
    pub(super) fn ca_file(&self) -> Option<&Path> {
        self.registry.ca_file()
    }

    /// Opens an image, which must be for the platform that was named, if one was.
    pub(super) fn open(
        &self,
        transports: &Transports,
        reference: &ImageReference,
    ) -> Result<Image, Failure> {
        let image = self.open_any(transports, reference)?;
        match (image.refuse_artifact(), delta_format(&image)) {
            (Ok(()), _) => Ok(image),
            (Err(_), Some(format)) => {
                Err(is_delta(&image, format, in_words(Remedy::ApplyDelta, Asked::Command)))
            }
            (Err(error), None) => Err(error.into()),
        }
    }

    /// The same, also of a delta that is an artifact.
    pub(super) fn open_any(
        &self,
        transports: &Transports,
        reference: &ImageReference,
    ) -> Result<Image, Failure> {
        let image = transports.open_any(reference, &self.platform()?, &Silent)?;
        match (&self.platform, image.platform()) {
            (Some(PlatformChoice::One(wanted)), Some(found)) if !wanted.runs(&found) => {
                Err(ImageError::OtherPlatform {
                    reference: reference.to_string(),
                    wanted: Box::new(wanted.clone()),
                    found: Box::new(found),
                }
                .into())
            }
            _ => Ok(image),
        }
    }

    /// Returns whether an image is for the platform that was named, if one was.
    pub(super) fn is_wanted(&self, image: &Image) -> bool {
        match (&self.platform, image.platform()) {
            (Some(PlatformChoice::One(wanted)), Some(found)) => wanted.runs(&found),
            (Some(_), _) => false,
            (None, _) => true,
        }
    }

    /// Refuses a target that need not run on the devices that have the base, unless it was named what
    /// they are.
    pub(super) fn refuse_other_platform(
        &self,
        base: &Image,
        target: &Image,
    ) -> Result<(), Failure> {
        match (base.config().platform(), target.config().platform()) {
            (Some(old), Some(new)) if self.platform.is_none() && !old.runs(&new) => {
                Err(Failure::usage(
                    format!(
                        "{} is for {old} and {} for {new}",
                        base.reference(),
                        target.reference()
                    ),
                    "name two images for one platform; if all devices run both, say what they are \
                     with --platform",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Whether the images of all platforms are meant.
    pub(super) fn wants_all_platforms(&self) -> bool {
        self.platform == Some(PlatformChoice::All)
    }

    /// The platform whose image is meant.
    pub(super) fn platform(&self) -> Result<Platform, Failure> {
        match &self.platform {
            None => Ok(Platform::host()),
            Some(PlatformChoice::One(platform)) => Ok(platform.clone()),
            Some(PlatformChoice::All) => Err(Failure::usage(
                "one image is meant here, and --platform all names several",
                "name one platform, for instance linux/arm64; create alone takes all, for every format but v2",
            )),
        }
    }

    /// Refuses an output in the store, where nobody would look after it.
    pub(super) fn refuse_in_store(&self, output: &Path) -> Result<(), Failure> {
        match remora::output::is_within(output, &self.store.path()?) {
            false => Ok(()),
            true => Err(Failure::usage(
                format!("the output {} is in the store, which holds layers only", output.display()),
                "choose another place for the output",
            )),
        }
    }

    /// What images may unpack to.
    pub(super) fn limits(&self) -> UnpackLimits {
        self.limits.limits()
    }

    /// Has this process become root in a user namespace if the store has files of several users.
    pub(super) fn enter_namespace_for_files(&self) {
        self.store.enter_namespace_for_files();
    }

    /// The store, opened.
    pub(super) fn store(&self) -> Result<Store, Failure> {
        Ok(self.store.open()?.with_limits(self.limits()))
    }

    /// The store, opened to take files out of it. If root must not, nothing is made there.
    pub(super) fn store_of_files(&self) -> Result<Store, Failure> {
        Store::refuse_foreign_files_in(&self.store.path()?)?;
        self.store()
    }
}

impl StoreArguments {
    /// Has this process become root in a user namespace if an ordinary user's store or deployments have files of several
    /// users: others could not read all of them. Without one the files that can be read are.
    pub(super) fn enter_namespace_for_files(&self) {
        let has = |path: &Path| ["objects", "deployments"].map(|it| path.join(it).is_dir());
        let has_files = self.path().is_ok_and(|path| has(&path).contains(&true));
        if has_files && !rustix::process::geteuid().is_root() {
            let _ = user_namespace::enter();
        }
    }

    /// The store, opened.
    pub(super) fn open(&self) -> Result<Store, Failure> {
        Ok(Store::open(self.path()?)?)
    }

    /// The store, opened; `None` if there is none, and none is made.
    pub(super) fn open_if_there(&self) -> Result<Option<Store>, Failure> {
        match self.path()?.is_dir() {
            true => self.open().map(Some),
            false => Ok(None),
        }
    }

    fn path(&self) -> Result<PathBuf, Failure> {
        Ok(self.store.clone().map_or_else(Store::default_path, Ok)?)
    }
}

/// Refuses to read two images from the one standard input.
pub(super) fn refuse_stdin_twice(inputs: [&ImageReference; 2]) -> Result<(), Failure> {
    match inputs.iter().all(|input| is_stdio(input)) {
        true => Err(Failure::usage(
            "standard input cannot carry two images",
            "name a file for one of them",
        )),
        false => Ok(()),
    }
}

/// Whether the image goes to stdout. It cannot go there together with a JSON answer, and a terminal
/// is no place for it.
pub(super) fn claim_stdout(output: &ImageReference, session: &Session) -> Result<bool, Failure> {
    let through_path = match output.archive() {
        Some(ArchiveFile::Path(path)) => remora::output::leads_to_stdout(path),
        _ => false,
    };
    match is_stdio(output) || through_path {
        true => claim_stream(session),
        false => Ok(false),
    }
}

/// Claims stdout for a result, as [`claim_stdout`] does.
pub(super) fn claim_stream(session: &Session) -> Result<bool, Failure> {
    if session.json() {
        let what = "standard output cannot carry both the image and --json";
        return Err(Failure::usage(what, "write the image to a file"));
    }
    if std::io::stdout().is_terminal() {
        let what = "standard output is a terminal, which an image would garble";
        return Err(Failure::usage(what, "pipe it on, or write the image to a file"));
    }
    Ok(true)
}

/// Refuses an output that is one of the inputs, by whatever name.
pub(super) fn refuse_input_as_output(
    output: &ImageReference,
    inputs: [&ImageReference; 2],
) -> Result<(), Failure> {
    match inputs.into_iter().find(|input| remora::image::overwrites(output, input)) {
        Some(input) => Err(is_an_input(&output.to_string(), input)),
        None => Ok(()),
    }
}

/// Refuses a file for output that is one of the inputs, or a part of one.
pub(super) fn refuse_input_as_file(
    output: &Path,
    inputs: [&ImageReference; 2],
) -> Result<(), Failure> {
    match inputs.into_iter().find(|input| remora::image::is_part_of(output, input)) {
        Some(input) => Err(is_an_input(&output.display().to_string(), input)),
        None => Ok(()),
    }
}

/// Refuses a delta where an image is wanted.
pub(super) fn refuse_delta(image: &Image) -> Result<(), Failure> {
    let hint =
        "name the images that a delta is made between, or has been: remora inspect says which";
    refuse_delta_with(image, hint)
}

/// The same, also of other artifacts, where the base of a delta is wanted.
pub(super) fn refuse_delta_as_base(image: &Image) -> Result<(), Failure> {
    let hint = "the base comes first and the delta second: remora apply BASE DELTA";
    refuse_delta_with(image, hint)?;
    Ok(image.refuse_artifact()?)
}

/// The same where an image's deltas are to be listed.
pub(super) fn refuse_delta_to_list(image: &Image) -> Result<(), Failure> {
    let hint = "remora inspect says which image it makes, and what else it holds: list the deltas of that image";
    refuse_delta_with(image, hint)?;
    Ok(image.refuse_artifact()?)
}

fn refuse_delta_with(image: &Image, hint: &str) -> Result<(), Failure> {
    match delta_format(image) {
        None => Ok(()),
        Some(format) => Err(is_delta(image, format, hint)),
    }
}

fn is_delta(image: &Image, format: Dialect, hint: &str) -> Failure {
    let reference = image.reference();
    let what = format!("{reference} is a delta of the format {format}, and an image is wanted");
    Failure::new(Cause::Content, what, hint)
}

/// The format of the delta that was opened as an image, if it is one.
fn delta_format(image: &Image) -> Option<Dialect> {
    match image.artifact_type() {
        Some(media_type) => Dialect::of_artifact(media_type),
        None => match v3::delta_images(image) {
            Err(V3Error::NotADelta { .. }) => None,
            _ => Some(Dialect::V3),
        },
    }
}

fn is_an_input(output: &str, input: &ImageReference) -> Failure {
    Failure::usage(
        format!("the output {output} would overwrite the input {input}"),
        "choose another place for the output",
    )
}

fn is_stdio(reference: &ImageReference) -> bool {
    reference.archive() == Some(&ArchiveFile::Stdio)
}
