//! Rows that may be there already: a POST whose answer was lost has written its row.

use std::time::SystemTime;

use super::time;
use crate::release::odata::{Query, text};

/// The release of a commit in a fleet.
pub(super) fn release(fleet: u64, commit: &str) -> Query {
    let condition = format!("belongs_to__application eq {fleet} and commit eq {}", text(commit));
    Query::of("release").select("id").filter(&condition)
}

/// A service of a fleet.
pub(super) fn service(fleet: u64, name: &str) -> Query {
    let condition = format!("application eq {fleet} and service_name eq {}", text(name));
    Query::of("service").select("id").filter(&condition)
}

/// An image of a service, of which a build that began then is no part of a release yet.
pub(super) fn image(service: u64, started: SystemTime) -> Query {
    let condition = format!(
        "is_a_build_of__service eq {service} and status eq 'running' and start_timestamp eq datetime'{}'",
        time(started)
    );
    Query::of("image").select("id,is_stored_at__image_location").filter(&condition)
}

/// The row that makes an image part of a release.
pub(super) fn release_image(release: u64, image: u64) -> Query {
    let condition = format!("is_part_of__release eq {release} and image eq {image}");
    Query::of("image__is_part_of__release").select("id").filter(&condition)
}

/// A label of an image in a release.
pub(super) fn label(release_image: u64, name: &str) -> Query {
    let condition = format!("release_image eq {release_image} and label_name eq {}", text(name));
    Query::of("image_label").select("id").filter(&condition)
}

/// A variable of an image in a release.
pub(super) fn variable(release_image: u64, name: &str) -> Query {
    let condition = format!("release_image eq {release_image} and name eq {}", text(name));
    Query::of("image_environment_variable").select("id").filter(&condition)
}

/// The images of a release that are not there yet.
pub(super) fn unfinished_images(release: u64) -> Query {
    let part = format!("release_image/any(ri:ri/is_part_of__release eq {release})");
    let condition = format!("status eq 'running' and {part}");
    Query::of("image").select("id").filter(&condition)
}

/// The images of a fleet, of a build that began then, that are not there yet and part of no release.
pub(super) fn strays(fleet: u64, started: SystemTime) -> Query {
    let condition = format!(
        "status eq 'running' and start_timestamp eq datetime'{}' \
         and is_a_build_of__service/any(s:s/application eq {fleet}) and not(release_image/any(ri:1 eq 1))",
        time(started)
    );
    Query::of("image").select("id").filter(&condition)
}
