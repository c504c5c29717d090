//! `remora list`: the deltas that a registry has for an image.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::apply::{FoundDelta, find_deltas};
use remora::image::{ImageId, ImageReference};
use serde::Serialize;

use super::access::{self, AccessArguments};
use super::failure::Failure;
use super::image_name;
use super::session::Session;
use super::table::{Align, Table};
use super::units;

const EXAMPLES: &str = "\
Examples:
  Which deltas are there for version 2, and from what?
    remora list registry.example.com/app:2
  For a script: the smallest delta that makes version 2
    remora list registry.example.com/app:2 --json | jq -r '.deltas[0].reference'";

/// List the deltas that a registry has for an image.
///
/// Looks at what refers to IMAGE and at the tags of its repository that begin with delta-. Deltas that make
/// IMAGE come first, then those that apply to it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// The image, in a registry
    #[arg(value_parser = image_name::input)]
    image: ImageReference,
    #[command(flatten)]
    access: AccessArguments,
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let Some(image) = self.image.registry() else {
            return Err(Failure::usage(
                format!("{} is not in a registry", self.image),
                "name an image in a registry, or look into one delta with remora inspect",
            ));
        };
        let transports = self.access.transports(&[&self.image])?;
        let opened = self.access.open_any(&transports, &self.image)?;
        access::refuse_delta_to_list(&opened)?;
        let deltas = find_deltas(&transports, image, &opened, None, session.progress())?;
        session.answer(&Listed { image: self.image.to_string(), image_id: opened.id(), deltas })
    }
}

/// What the registry has.
#[derive(Serialize)]
struct Listed {
    image: String,
    image_id: ImageId,
    deltas: Vec<FoundDelta>,
}

impl Display for Listed {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.deltas.is_empty() {
            return writeln!(out, "no deltas for {}", self.image);
        }
        let mut table = Table::new(&[
            ("delta", Align::Left),
            ("format", Align::Left),
            ("size", Align::Right),
            ("from", Align::Left),
            ("to", Align::Left),
        ]);
        for delta in &self.deltas {
            let shown = |id: ImageId| match id == self.image_id {
                true => "this image".to_owned(),
                false => id.0.short(),
            };
            table.row([
                delta.reference.to_string(),
                delta.format.to_string(),
                units::bytes(delta.delta_bytes),
                shown(delta.base_id),
                shown(delta.target_id),
            ]);
        }
        write!(out, "{table}")
    }
}
