//! Files of credentials: any bytes are read or refused, without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::image::fuzzing::find_in_file;

fuzz_target!(|file: &[u8]| {
    for (host, repository) in
        [("registry.example.com", "a/b"), ("docker.io", "library/a"), ("[::1]:5000", "x")]
    {
        let _ = find_in_file(file, host, repository);
    }
});
