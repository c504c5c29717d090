//! `remora images` and `remora rmi`: the images that the store knows by name.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use remora::Cause;
use remora::image::{Digest, ImageId, ImageReference, Platform};
use remora::store::{Forgotten, KeptImage, Store, Trouble};
use serde::Serialize;

use super::access::StoreArguments;
use super::failure::Failure;
use super::kept_name::{self, KeptName};
use super::session::Session;
use super::table::{Align, Table};
use super::troubles::{self, Lines};
use super::units;

const EXAMPLES: &str = "\
Examples:
  remora images
  For a script: the names alone
    remora images --json | jq -r '.images[].name'";

const RMI_EXAMPLES: &str = "\
Examples:
  remora rmi registry.example.com/app:1
  By the start of an ID, all names of the image:
    remora rmi 3f2a91c07d44";

/// List the images that are kept by name.
///
/// What remora pull fetched is kept, so that the next pull has something to begin with: remora store gc leaves it
/// alone, and remora rmi takes it away.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Images {
    #[command(flatten)]
    store: StoreArguments,
}

/// Take the names of images away.
///
/// Layers that no other name needs are deleted.
#[derive(Debug, Args)]
#[command(after_help = RMI_EXAMPLES)]
pub(super) struct Rmi {
    /// The images, by the names that remora images lists, or by ID or digest: then all names of the image go
    #[arg(required = true, value_name = "IMAGE", value_parser = kept_name::parse)]
    images: Vec<KeptName>,
    #[command(flatten)]
    store: StoreArguments,
}

impl Images {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let store = self.store.open()?;
        let (images, troubles) = store.kept_images()?;
        let images = images.iter().map(|image| Row::of(image, &store)).collect();
        session.answer(&Listed { images, troubles })
    }
}

impl Rmi {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let store = self.store.open()?;
        let (mut removed, mut failure) = (Removed { removed: Vec::new() }, None);
        // What is not there keeps none of the others.
        for image in &self.images {
            if !removed.forget(image, &store)? {
                failure = Some(not_kept(image.reference()));
            }
        }
        match failure.or_else(|| removed.trouble(session.shows_summaries())) {
            Some(failure) => session.summary_with(&removed, failure),
            None => session.summary(&removed, false),
        }
    }
}

fn not_kept(image: &ImageReference) -> Failure {
    let hint = "see which there are: remora images";
    Failure::new(Cause::Missing, format!("no image is kept as {image}"), hint)
}

/// An image that is kept.
#[derive(Serialize)]
struct Row {
    name: String,
    id: ImageId,
    digest: Option<Digest>,
    #[serde(serialize_with = "as_text")]
    platform: Option<Platform>,
    /// Bytes of its layers that are here, unpacked.
    bytes: u64,
    /// Whether all of its layers are here.
    whole: bool,
    pulled: String,
}

fn as_text<S: serde::Serializer>(platform: &Option<Platform>, to: S) -> Result<S::Ok, S::Error> {
    platform.as_ref().map(Platform::to_string).serialize(to)
}

impl Row {
    fn of(image: &KeptImage, store: &Store) -> Self {
        let (bytes, whole) = store.size_of_kept(image);
        let pulled = image.pulled().min(UNIX_EPOCH + LATEST);
        Row {
            name: image.reference().to_string(),
            id: image.id(),
            digest: image.manifest().map(|manifest| manifest.digest()),
            platform: image.config().platform(),
            bytes,
            whole,
            pulled: humantime::format_rfc3339_seconds(pulled).to_string(),
        }
    }
}

/// The end of the year 9999, after which times have no form: a record may hold any number.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

#[derive(Serialize)]
struct Listed {
    images: Vec<Row>,
    /// Records that can't be read.
    troubles: Vec<Trouble>,
}

impl Display for Listed {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.images.is_empty() {
            writeln!(out, "no images: remora pull fetches one")?;
        } else {
            let mut table = Table::new(&[
                ("image", Align::Left),
                ("id", Align::Left),
                ("platform", Align::Left),
                ("size", Align::Right),
                ("pulled", Align::Left),
            ]);
            self.images.iter().for_each(|image| table.row(cells(image)));
            write!(out, "{table}")?;
        }
        self.troubles.iter().try_for_each(|trouble| writeln!(out, "cannot be read: {trouble}"))
    }
}

fn cells(image: &Row) -> [String; 5] {
    let platform = image.platform.as_ref().map(Platform::to_string);
    let size = match image.whole {
        true => units::bytes(image.bytes),
        false => "layers missing".to_owned(),
    };
    [
        image.name.clone(),
        image.id.0.short(),
        platform.unwrap_or_default(),
        size,
        image.pulled.clone(),
    ]
}

#[derive(Serialize)]
struct Removed {
    removed: Vec<RemovedImage>,
}

#[derive(Serialize)]
struct RemovedImage {
    name: String,
    #[serde(flatten)]
    forgotten: Forgotten,
}

impl Removed {
    /// What could not be done, and is listed by the answer or not.
    fn trouble(&self, is_listed: bool) -> Option<Failure> {
        let all = self.removed.iter().flat_map(|image| &image.forgotten.troubles);
        let all: Vec<Trouble> = all.cloned().collect();
        troubles::failure("not all layers could be removed", &all, is_listed)
    }

    /// Takes the name away, or every name of the image with the ID. Returns whether there was one.
    fn forget(&mut self, image: &KeptName, store: &Store) -> Result<bool, Failure> {
        if let Some(forgotten) = store.forget_image(image.reference())? {
            self.add(image.reference(), forgotten);
            return Ok(true);
        }
        let found = image.by_id(store)?;
        for image in &found {
            if let Some(forgotten) = store.forget_image(image.reference())? {
                self.add(image.reference(), forgotten);
            }
        }
        Ok(!found.is_empty())
    }

    fn add(&mut self, image: &ImageReference, forgotten: Forgotten) {
        self.removed.push(RemovedImage { name: image.to_string(), forgotten });
    }
}

impl Display for Removed {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut lines = Lines::default();
        for RemovedImage { name, forgotten } in &self.removed {
            let freed = units::bytes(forgotten.removed_bytes);
            let went = units::layers(forgotten.removed_layers);
            writeln!(out, "removed: {name}, {went}, {freed}")?;
            lines.write(out, "not removed", &forgotten.troubles)?;
        }
        Ok(())
    }
}
