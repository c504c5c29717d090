//! Taking one way after the other, until the image is here.

use std::sync::atomic::Ordering;

use super::FetchError;
use super::carry_out::carry_out;
use super::plan::Plan;
use super::request::Request;
use super::tried::Tried;
use crate::apply::Traffic;
use crate::store::KeptLayer;

/// Plans the cheapest way and takes it. If a delta or a stored layer turns out to be of no use, the next way is
/// planned without it. A plan that `accept` refuses is not carried out. Returns the plan that led to the image and the
/// image's layers, bottom first.
pub(super) fn by_any_way(
    request: &Request<'_>,
    traffic: &Traffic,
    accept: impl Fn(&Plan) -> Result<(), FetchError>,
) -> Result<(Plan, Vec<KeptLayer>), FetchError> {
    let Request { store, progress, .. } = *request;
    let mut tried = Tried::default();
    loop {
        let plan = Plan::make(request, &mut tried)?;
        accept(&plan)?;
        let before = traffic.fetched.load(Ordering::Relaxed);
        match carry_out(&plan, store, traffic, progress) {
            Ok(layers) => return Ok((plan, layers)),
            Err(failed) => {
                let came = traffic.fetched.load(Ordering::Relaxed) > before;
                tried.learn(plan.tried_delta(), failed, came, progress)?;
            }
        }
    }
}
