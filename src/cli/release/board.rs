//! What a person sees while deltas are made elsewhere: how far each service is.

use remora::release::{FleetUpdate, UpdateInfo, UpdateState};

use super::words::Standing;
use crate::cli::progress::Gauges;
use crate::cli::session::Session;
use crate::cli::units;

/// A gauge for each service, from the first look on.
pub(super) struct Board<'a> {
    session: &'a Session,
    gauges: Option<Gauges>,
}

impl<'a> Board<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Board { session, gauges: None }
    }

    /// Shows an update from one release to another.
    pub(super) fn show_update(&mut self, info: &UpdateInfo) {
        let names = || info.services.iter().map(|service| service.service_name.clone()).collect();
        let session = self.session;
        let gauges = self.gauges.get_or_insert_with(|| session.gauges(names()));
        for (row, service) in info.services.iter().enumerate() {
            let standing = Standing::from(service);
            let mut words = standing.words();
            if let Some(size) = standing.delta_size {
                words = format!("{words}, {}", units::bytes(size));
            }
            gauges.show(row, standing.percent(), &words, &standing.step());
        }
    }

    /// Shows the update of a fleet, the deltas of a service together.
    pub(super) fn show_fleet(&mut self, update: &FleetUpdate) {
        let mut services: Vec<&str> = update.pairs.iter().map(|pair| &*pair.service_name).collect();
        services.sort_unstable();
        services.dedup();
        let session = self.session;
        let names = || services.iter().map(|&name| name.to_owned()).collect();
        let gauges = self.gauges.get_or_insert_with(|| session.gauges(names()));
        for (row, service) in services.iter().enumerate() {
            let of_service = update.pairs.iter().filter(|pair| pair.service_name == *service);
            let standings: Vec<Standing<'_>> = of_service.map(Standing::from).collect();
            let done = standings.iter().filter(|standing| standing.is_done()).count();
            let percent: u64 = standings.iter().map(Standing::percent).sum();
            let failed = standings.iter().filter(|it| it.status == UpdateState::Failed).count();
            let mut words = format!("{done} of {} done", standings.len());
            if failed > 0 {
                words += &format!(", {failed} failed");
            }
            gauges.show(row, percent / standings.len().max(1) as u64, &words, &words);
        }
    }
}
