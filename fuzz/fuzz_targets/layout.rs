//! OCI layouts: any index is read or refused, without a panic.

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use remora::image::{ImageReference, Platform, TransportSettings, Transports};

fuzz_target!(|index: &[u8]| {
    let folder = std::env::temp_dir().join(format!("remora-fuzz-layout-{}", std::process::id()));
    fs::create_dir_all(folder.join("blobs/sha256")).expect("the temporary folder is writable");
    fs::write(folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#).expect("writable");
    fs::write(folder.join("index.json"), index).expect("writable");
    let transports = Transports::new(TransportSettings::default()).expect("nobody is asked");
    for name in ["", ":a", ":1.0"] {
        let text = format!("oci:{}{name}", folder.display());
        let reference: ImageReference = text.parse().expect("a reference");
        let _ = transports.open(&reference, &Platform::host());
    }
});
