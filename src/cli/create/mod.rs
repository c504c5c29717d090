//! `remora create`: make a delta and publish it.

mod all_platforms;
mod artifact;
mod makers;
mod prepared;
mod request;
mod v2;
mod v3;

use clap::Args;
use remora::Dialect;

use self::artifact::{ArtifactArguments, OciDeltaArguments};
use self::makers::ArtifactMaker;
use self::prepared::Prepared;
use self::request::Request;
use self::v2::V2Arguments;
use self::v3::V3Arguments;
use super::access;
use super::dialect::Format;
use super::digest_file::DigestArguments;
use super::failure::Failure;
use super::image_name;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  Make a delta in a registry; a device that has app:1 pulls app:delta-1-2 and ends up with app:2:
    remora create registry.example.com/app:1 registry.example.com/app:2 \\
      --output registry.example.com/app:delta-1-2
  Make the smallest delta that balena-engine pulls, whatever it costs the device to apply:
    remora create oci:app:1 oci:app:2 --output oci:app:delta-1-2 --prefer size --effort 9
  From 'docker save' files, for ARM, with what was done as JSON:
    remora create docker-archive:1.tar docker-archive:2.tar --output oci:delta:1-2 \\
      --platform linux/arm64 --json
  Make the smallest delta there is, for hosts that pull with remora and find it beside the image:
    remora create registry.example.com/app:1 registry.example.com/app:2 \\
      --format remora --output registry.example.com/app:delta-1-2-for-hosts
  Make one that composefs and bootc hosts apply (bootc without composefs: add --for bootc):
    remora create registry.example.com/app:1 registry.example.com/app:2 \\
      --format oci-delta --output registry.example.com/app:delta-1-2-for-composefs
  Make a file for devices that update with rsync:
    remora create oci:app:1 oci:app:2 --format v2 --output app-1-2.delta";

/// What `--platform` takes here beside what it takes everywhere.
const PLATFORM: &str = "Which image of a multi-platform one, as os/arch[/variant] [default: this machine's]; all \
                        makes a delta for each platform, of every format but v2";

/// Make a delta between two images and publish it.
///
/// A device that has BASE pulls the delta and ends up with TARGET, bit for bit. The delta is
/// applied once before anything is published; what does not rebuild TARGET is never written.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("platform", |platform| platform.help(PLATFORM)))]
pub(super) struct Create {
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    digest: DigestArguments,
    #[command(flatten)]
    v3: V3Arguments,
    #[command(flatten)]
    v2: V2Arguments,
    #[command(flatten)]
    artifact: ArtifactArguments,
    #[command(flatten)]
    oci_delta: OciDeltaArguments,
}

impl Create {
    /// How many threads are to work, if somebody said.
    pub(super) fn threads(&self) -> Option<u16> {
        self.request.encoding.threads()
    }

    /// Has this process enter a user namespace if the store has files of several users.
    pub(super) fn enter_namespace(&self) {
        self.request.access.enter_namespace_for_files();
    }

    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        access::refuse_stdin_twice([&self.request.base, &self.request.target])?;
        let Format(dialect) = self.request.format;
        self.refuse_foreign(dialect)?;
        match dialect {
            Dialect::V3 => self.create_v3(session),
            Dialect::V2 => self.v2.create(&self.request, session),
            Dialect::Remora | Dialect::OciDelta => self.create_artifact(dialect, session),
        }
    }
}

impl Create {
    fn create_v3(&self, session: &Session) -> Result<(), Failure> {
        let output = image_name::output(&self.request.output)?;
        let is_for_all = self.request.access.wants_all_platforms();
        if is_for_all {
            all_platforms::refuse_plain(&output)?;
        }
        let options = self.v3.options(&output, &self.request);
        let prepared = Prepared::new(output, &self.request, &self.digest, session)?;
        match is_for_all {
            true => all_platforms::create(&self.request, &options, prepared, session),
            false => v3::create(&self.request, &options, prepared, session),
        }
    }

    fn create_artifact(&self, dialect: Dialect, session: &Session) -> Result<(), Failure> {
        let output = image_name::output(&self.request.output)?;
        artifact::refuse_place(&output, dialect)?;
        let options = artifact::options(dialect, &self.oci_delta, &self.request);
        let prepared = Prepared::new(output, &self.request, &self.digest, session)?;
        if !self.request.access.wants_all_platforms() {
            return artifact::create(&self.request, options, &self.artifact, prepared, session);
        }
        let maker = ArtifactMaker { options, signatures: self.artifact.signatures };
        all_platforms::create(&self.request, &maker, prepared, session)
    }

    /// Refuses an option of another format, which would be without effect.
    fn refuse_foreign(&self, format: Dialect) -> Result<(), Failure> {
        let digest = self.digest.is_given().then_some("--digestfile");
        let given: [(Option<&str>, &[Dialect]); 6] = [
            (self.v3.given(), &[Dialect::V3]),
            (self.v2.given(), &[Dialect::V2]),
            (self.request.encoding.about_commands(), &[Dialect::V3]),
            (self.artifact.given(), &[Dialect::Remora, Dialect::OciDelta]),
            (self.oci_delta.given(), &[Dialect::OciDelta]),
            (digest, &[Dialect::V3, Dialect::Remora, Dialect::OciDelta]),
        ];
        let mut foreign = given.into_iter().filter(|(_, takes)| !takes.contains(&format));
        match foreign.find_map(|(option, takes)| Some((option?, takes))) {
            None => Ok(()),
            Some((option, takes)) => {
                let takes =
                    takes.iter().map(|format| format.name()).collect::<Vec<_>>().join(" or ");
                Err(Failure::usage(
                    format!("{option} means nothing to a delta of the format {format}"),
                    format!("leave it out, or make a delta that takes it, with --format {takes}"),
                ))
            }
        }
    }
}
