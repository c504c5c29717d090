//! Delta requests: any query is read or refused, and what is read names images of our registry only.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::api::{DeltaQuery, NamedImage};

const HOST: &str = "registry.example.com";

fn check(image: &NamedImage) {
    let (host, rest) = image.text.split_once('/').expect("a host");
    assert!(host.eq_ignore_ascii_case(HOST));
    let version = rest.strip_prefix(image.repository.as_str()).expect("the repository as asked");
    assert!(version.is_empty() || version.starts_with([':', '@']), "the whole repository");
    assert!(!image.repository.split('/').any(|part| part.is_empty() || part.starts_with('.')));
}

fuzz_target!(|query: &str| {
    if let Ok(query) = DeltaQuery::parse(query, HOST) {
        check(&query.source);
        check(&query.target);
    }
});
