//! Names of releases: any text is read or refused, and a name reads as itself again. Whatever a name holds stays a value
//! in the query that looks for it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::release::ReleaseName;
use remora::release::fuzzing::{is_over, query_for};

fuzz_target!(|text: &str| {
    let _ = is_over(text);
    if let Ok(name) = text.parse::<ReleaseName>() {
        assert_eq!(name.to_string().parse().as_ref(), Ok(&name));
    }
    let query = query_for(text);
    let value = query.strip_prefix("release?$filter=commit%20eq%20'").expect("a literal begins");
    let value = value.strip_suffix('\'').expect("a literal ends");
    assert!(
        value.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#+\"<>".contains(&byte)),
        "{query}"
    );
    assert!(!value.replace("''", "").contains('\''), "{query}");
});
