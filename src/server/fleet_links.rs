//! The links of fleets' devices as openBalena's fleets are set themselves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Rates in bits a second, by the fleet's slug.
#[derive(Debug, Default)]
pub(super) struct FleetLinks {
    rates: Mutex<HashMap<String, u64>>,
}

impl FleetLinks {
    /// The link of a fleet, if it has one of its own.
    pub(super) fn of(&self, fleet: &str) -> Option<u64> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner).get(fleet).copied()
    }

    /// Takes over what all fleets are set to now. A rate that `parse` cannot read is logged and left out.
    pub(super) fn set(&self, set: &[(String, String)], parse: fn(&str) -> Result<u64, String>) {
        let read = |(fleet, rate): &(String, String)| match parse(rate) {
            Ok(rate) => Some((fleet.clone(), rate)),
            Err(wrong) => {
                tracing::warn!(fleet, rate, "the fleet's link rate is no rate: {wrong}");
                None
            }
        };
        let rates = set.iter().filter_map(read).collect();
        *self.rates.lock().unwrap_or_else(PoisonError::into_inner) = rates;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_counts_until_the_fleet_has_another_or_none() {
        let links = FleetLinks::default();
        let parse = |text: &str| text.parse().map_err(|_| "write a number".to_owned());
        let set = |rates: &[(&str, &str)]| {
            let rates: Vec<(String, String)> =
                rates.iter().map(|(fleet, rate)| ((*fleet).into(), (*rate).into())).collect();
            links.set(&rates, parse);
        };
        set(&[("org/a", "64"), ("org/b", "fast")]);
        assert_eq!((links.of("org/a"), links.of("org/b")), (Some(64), None));
        set(&[]);
        assert_eq!(links.of("org/a"), None);
    }
}
