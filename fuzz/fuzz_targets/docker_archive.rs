//! Docker archives: any file is read or refused, without a panic and in bounds.

#![no_main]

use std::io;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use remora::image::{
    ArchiveFile, Image, ImageError, ImageReference, Platform, TransportSettings, Transports,
};

/// What one image may unpack to here; a real store has a limit of its own.
const LIMIT: u64 = 1 << 20;

fn open(path: PathBuf) -> Result<Image, ImageError> {
    let reference = ImageReference::DockerArchive { file: ArchiveFile::Path(path), image: None };
    Transports::new(TransportSettings::default())?.open(&reference, &Platform::host())
}

fuzz_target!(|archive: &[u8]| {
    let path = std::env::temp_dir().join(format!("remora-fuzz-{}", std::process::id()));
    std::fs::write(&path, archive).expect("the temporary folder is writable");
    if let Ok(image) = open(path) {
        for layer in 0..image.layer_count() {
            if let Ok(layer) = image.open_layer(layer) {
                let _ = io::copy(&mut io::Read::take(layer, LIMIT), &mut io::sink());
            }
        }
    }
});
