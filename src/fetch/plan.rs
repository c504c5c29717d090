//! Which way each layer of the target comes.

use super::FetchError;
use super::bases::{self, BaseImage};
use super::cost::{Cost, Link};
use super::find::{self, FoundDelta};
use super::opened::Opened;
use super::request::Request;
use super::tried::{Tried, TriedDelta};
use crate::apply::{LayerBlob, LayerDeltas};
use crate::image::{Image, ImageId, ImageReference};
use crate::store::Store;
use crate::trust::Verdict;

/// The way to an image: the cheapest that was found.
#[derive(Debug)]
pub struct Plan {
    pub(super) reference: ImageReference,
    pub(super) opened: Opened,
    /// What the policy says of the image, if there is one.
    pub(super) verdict: Option<Verdict>,
    pub(super) delta: Option<ChosenDelta>,
    /// One for each layer, bottom first.
    pub(super) steps: Vec<Step>,
    pub(super) cost: Cost,
    /// Bytes of blobs over the network without any delta; none if the image is to be had by a delta alone.
    pub(super) plain_bytes: Option<u64>,
    pub(super) link: Link,
}

/// The delta that some of the layers come by.
#[derive(Debug)]
pub(super) struct ChosenDelta {
    /// `None` if the target was named by this delta.
    found: Option<LayerDeltas>,
    pub(super) base: BaseImage,
}

/// How one layer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The store has it.
    AtHand,
    /// Its delta is applied, of which so many bytes are to come.
    Delta(u64),
    /// Its blob is unpacked, of which so many bytes are to come.
    Blob(u64),
}

impl Step {
    /// Bytes over the network.
    pub(super) fn bytes(self) -> u64 {
        match self {
            Step::AtHand => 0,
            Step::Delta(bytes) | Step::Blob(bytes) => bytes,
        }
    }

    fn cost(self) -> Cost {
        match self {
            Step::AtHand => Cost::default(),
            Step::Delta(deltas) => Cost { blobs: 0, deltas },
            Step::Blob(blobs) => Cost { blobs, deltas: 0 },
        }
    }
}

impl Plan {
    /// Finds the cheapest way from what the store has, and the bases that the options name, to the image that is wanted,
    /// without what was `tried`.
    pub(super) fn make(request: &Request<'_>, tried: &mut Tried) -> Result<Self, FetchError> {
        let Request { reference, options, transports, store, progress } = *request;
        let platform = &options.platform;
        let opened = Opened::open(reference, transports, platform, progress)?;
        let verdict = match &options.policy {
            Some(policy) => {
                let (subject, signatures) = (opened.subject(), opened.signatures(progress)?);
                let name = options.name.as_ref();
                Some(match opened.brought(&signatures, name) {
                    None => policy.verify(transports, reference, subject, progress)?,
                    Some(brought) => {
                        policy.verify_brought(transports, reference, subject, &brought, progress)?
                    }
                })
            }
            None => None,
        };
        let missing: Vec<bool> =
            opened.config().diff_ids().iter().map(|diff_id| !store.has_layer(diff_id)).collect();
        if !missing.contains(&true) {
            let steps = vec![Step::AtHand; missing.len()];
            let plain_bytes = opened.image().map(|_| 0);
            let way = Way { steps, cost: Cost::default(), plain_bytes, delta: None };
            return Ok(assemble(reference, opened, verdict, way, options.link));
        }
        let plain = options.plain || tried.is_enough();
        let bases = match (&opened, plain) {
            (Opened::Image(_), true) => Vec::new(),
            _ => bases::bases(&options.bases, transports, store, platform, progress)?,
        };
        let way = match &opened {
            Opened::Image(image) => {
                image.diff_ids()?;
                let found = match (reference, plain) {
                    (ImageReference::Registry(target), false) => {
                        find::find(target, image, &bases, request, tried)?
                    }
                    _ => Vec::new(),
                };
                cheapest(&Missing { store, layers: &missing }, image, found, bases, options.link)
            }
            Opened::Delta(delta) => {
                let base = match bases.into_iter().find(|base| base.id() == delta.base()) {
                    None => bases::lost_base(delta.base(), transports, store, platform, progress)?,
                    found => found,
                };
                by_named_delta(&Missing { store, layers: &missing }, delta, base)?
            }
        };
        Ok(assemble(reference, opened, verdict, way, options.link))
    }

    /// The image that is to be had in the end.
    pub fn id(&self) -> ImageId {
        self.opened.id()
    }

    /// Bytes of blobs over the network.
    pub fn bytes(&self) -> u64 {
        self.cost.bytes()
    }

    /// The delta that layers come by, if it was found and not named.
    pub(super) fn found_delta(&self) -> Option<&LayerDeltas> {
        self.delta.as_ref()?.found.as_ref()
    }

    /// The delta that layers come by, and whether it was found or named.
    pub(super) fn tried_delta(&self) -> Option<TriedDelta<'_>> {
        let (delta, _) = self.deltas()?;
        Some(match self.found_delta() {
            Some(_) => TriedDelta::Found(delta),
            None => TriedDelta::Named(delta),
        })
    }

    /// The delta that layers come by.
    pub(super) fn deltas(&self) -> Option<(&LayerDeltas, &BaseImage)> {
        let chosen = self.delta.as_ref()?;
        match (&chosen.found, &self.opened) {
            (Some(found), _) => Some((found, &chosen.base)),
            (None, Opened::Delta(named)) => Some((named, &chosen.base)),
            (None, Opened::Image(_)) => None,
        }
    }
}

/// A way that layers may come.
struct Way {
    steps: Vec<Step>,
    cost: Cost,
    plain_bytes: Option<u64>,
    delta: Option<ChosenDelta>,
}

fn assemble(
    reference: &ImageReference,
    opened: Opened,
    verdict: Option<Verdict>,
    way: Way,
    link: Link,
) -> Plan {
    let Way { steps, cost, plain_bytes, delta } = way;
    Plan { reference: reference.clone(), opened, verdict, delta, steps, cost, plain_bytes, link }
}

/// The way that takes the least time, of these the one with the fewest bytes: plain layers, or one of the deltas
/// found, with plain layers where these are smaller.
fn cheapest(
    missing: &Missing<'_>,
    image: &Image,
    found: Vec<FoundDelta>,
    bases: Vec<BaseImage>,
    link: Link,
) -> Way {
    let plain = missing.steps(image, None);
    let plain_bytes = Some(plain.1.bytes());
    let mut best = (plain.1, plain.0, None);
    for (number, FoundDelta { delta, base }) in found.iter().enumerate() {
        let (steps, mut cost) = missing.steps(image, Some(delta));
        cost.blobs = cost.blobs.saturating_add(bases[*base].missing_bytes);
        let key = |cost: Cost| (cost.seconds(link), cost.bytes() as f64);
        if key(cost) < key(best.0) {
            best = (cost, steps, Some(number));
        }
    }
    let (cost, steps, chosen) = best;
    let delta = chosen.and_then(|number| {
        let FoundDelta { delta, base } = found.into_iter().nth(number)?;
        let base = bases.into_iter().nth(base)?;
        Some(ChosenDelta { found: Some(delta), base })
    });
    Way { steps, cost, plain_bytes, delta }
}

/// The layers that are to come.
struct Missing<'a> {
    store: &'a Store,
    /// For each layer of the target whether the store lacks it.
    layers: &'a [bool],
}

impl Missing<'_> {
    /// Each layer by whichever takes fewer bytes, its blob or its delta.
    fn steps(&self, image: &Image, delta: Option<&LayerDeltas>) -> (Vec<Step>, Cost) {
        let step = |(index, missing): (usize, &bool)| {
            let makes = image.config().diff_ids()[index];
            let blob = LayerBlob { image, index, makes }.bytes_to_come(self.store);
            let delta = delta.map(|delta| delta.blob(index).bytes_to_come(self.store));
            match (missing, delta) {
                (false, _) => Step::AtHand,
                (true, Some(delta)) if delta < blob => Step::Delta(delta),
                (true, _) => Step::Blob(blob),
            }
        };
        with_cost(self.layers.iter().enumerate().map(step).collect())
    }
}

fn with_cost(steps: Vec<Step>) -> (Vec<Step>, Cost) {
    let sum = |sum: Cost, step: &Step| {
        let cost = step.cost();
        let blobs = sum.blobs.saturating_add(cost.blobs);
        Cost { blobs, deltas: sum.deltas.saturating_add(cost.deltas) }
    };
    let cost = steps.iter().fold(Cost::default(), sum);
    (steps, cost)
}

/// All missing layers by the delta that was named.
fn by_named_delta(
    missing: &Missing<'_>,
    delta: &LayerDeltas,
    base: Option<BaseImage>,
) -> Result<Way, FetchError> {
    let Some(base) = base else {
        let (delta, base) = (delta.image().reference().to_string(), delta.base());
        return Err(FetchError::NoBase { delta, base });
    };
    let step = |(index, is_missing): (usize, &bool)| match is_missing {
        false => Step::AtHand,
        true => Step::Delta(delta.blob(index).bytes_to_come(missing.store)),
    };
    let (steps, mut cost) = with_cost(missing.layers.iter().enumerate().map(step).collect());
    cost.blobs = cost.blobs.saturating_add(base.missing_bytes);
    let delta = Some(ChosenDelta { found: None, base });
    Ok(Way { steps, cost, plain_bytes: None, delta })
}
