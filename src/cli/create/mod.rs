//! `remora create`: make a delta and publish it.

mod v2;
mod v3;

use clap::Args;
use remora::Dialect;
use remora::image::{Image, ImageReference, Transports};
use remora::store::Store;

use self::v2::V2Arguments;
use self::v3::V3Arguments;
use super::access::{self, AccessArguments};
use super::dialect::Format;
use super::encoding::EncodingArguments;
use super::failure::Failure;
use super::image_name;
use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  Make a delta in a registry; a device that has app:1 pulls app:delta-1-2 and ends up with app:2:
    remora create registry.example.com/app:1 registry.example.com/app:2 \\
      --output registry.example.com/app:delta-1-2
  Make the smallest delta there is, whatever it costs the device to apply:
    remora create oci:app:1 oci:app:2 --output oci:app:delta-1-2 --prefer size --effort 9
  From 'docker save' files, for ARM, with what was done as JSON:
    remora create docker-archive:1.tar docker-archive:2.tar --output oci:delta:1-2 \\
      --platform linux/arm64 --json
  Make a file for devices that update with rsync:
    remora create oci:app:1 oci:app:2 --format v2 --output app-1-2.delta";

/// Make a delta between two images and publish it.
///
/// A device that has BASE pulls the delta and ends up with TARGET, bit for bit. The delta is
/// applied once before anything is published; what does not rebuild TARGET is never written.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Create {
    /// The image that devices have
    #[arg(value_parser = image_name::input)]
    base: ImageReference,
    /// The image that devices are to get
    #[arg(value_parser = image_name::input)]
    target: ImageReference,
    /// Where the delta goes: a reference, for v2 a file
    #[arg(short, long, value_name = "WHERE")]
    output: String,
    /// Overwrite what is at the output even if it is no delta
    #[arg(long)]
    replace: bool,
    /// What kind of delta. Of the encoder options --effort, --memory and --threads count for v2
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Publish without applying the delta first
    #[arg(long)]
    no_verify: bool,
    /// Do everything but publish
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    v3: V3Arguments,
    #[command(flatten)]
    v2: V2Arguments,
    #[command(flatten)]
    encoding: EncodingArguments,
    #[command(flatten)]
    access: AccessArguments,
}

impl Create {
    /// How many threads are to work, if somebody said.
    pub(super) fn threads(&self) -> Option<u16> {
        self.encoding.threads()
    }

    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        access::refuse_stdin_twice([&self.base, &self.target])?;
        let Format(dialect) = self.format;
        match dialect {
            Dialect::V3 => {
                refuse_foreign(self.v2.given(), dialect)?;
                self.create_v3(session)
            }
            Dialect::V2 => {
                refuse_foreign(self.v3.given(), dialect)?;
                self.create_v2(session)
            }
        }
    }

    /// Opens everything that is needed to make a delta of either kind.
    fn open(&self, transports: &Transports) -> Result<Opened, Failure> {
        let base = self.access.open(transports, &self.base)?;
        let target = self.access.open(transports, &self.target)?;
        [&base, &target].into_iter().try_for_each(access::refuse_delta)?;
        self.access.refuse_other_platform(&base, &target)?;
        Ok(Opened { base, target, store: self.access.store()? })
    }
}

/// What a delta is made from and with.
struct Opened {
    base: Image,
    target: Image,
    store: Store,
}

/// Refuses an option of the other format, which would be without effect.
fn refuse_foreign(option: Option<&str>, format: Dialect) -> Result<(), Failure> {
    match option {
        None => Ok(()),
        Some(option) => Err(Failure::usage(
            format!("{option} means nothing to a {format} delta"),
            "leave it out, or choose the other --format",
        )),
    }
}
