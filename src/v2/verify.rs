//! Proving a finished delta: it is read back, every file is rebuilt, and what a device would have
//! in the end is compared with the target.

use std::io::{BufReader, Read};

use super::V2Error;
use super::content::{Basis, content_at};
use super::device::{Device, Records};
use super::difference::difference;
use super::entry::EntryKind;
use super::error::{BatchError, BatchProblem};
use super::reader::{BatchReader, RecordHead};
use crate::rootfs::Tree;

/// How much of the delta is read at a time.
const BUFFER: usize = 256 << 10;

/// Checks that the delta that `input` reads turns `base` into `target`. `advance` is told how many
/// bytes of new files have been rebuilt.
pub(super) fn verify<'a>(
    input: impl Read,
    base: Tree<'a>,
    target: &Tree<'a>,
    advance: &dyn Fn(u64),
) -> Result<(), V2Error> {
    let mut reader = BatchReader::new(BufReader::with_capacity(BUFFER, input))?;
    let mut indices = Vec::new();
    let mut guarded = false;
    while let Some(head) = reader.next_record()? {
        if head.resend {
            guarded |= is_sentinel(&mut reader, &head, indices.last().copied())?;
            continue;
        }
        advance(rebuild(&mut reader, &head, &base, target)?);
        indices.push(head.index);
    }
    if !indices.is_empty() && !guarded {
        return Err(V2Error::WrongResult("a reader that failed would not say so".to_owned()));
    }
    // What was rebuilt is what the target has.
    let records = Records { indices: &indices, content: &|place| content_at(target, place) };
    let mut device = Device::new(base);
    device.apply(&reader.entries, &records).map_err(V2Error::WrongResult)?;
    match difference(device.tree(), target) {
        Some(difference) => Err(V2Error::WrongResult(difference)),
        None => Ok(()),
    }
}

/// Makes one file as the device would, which must be the target's, and gives its length.
fn rebuild<R: Read>(
    reader: &mut BatchReader<R>,
    head: &RecordHead,
    base: &Tree<'_>,
    target: &Tree<'_>,
) -> Result<u64, V2Error> {
    let entry = reader.entries.get(head.index as usize);
    let path = entry.place.shown();
    let wrong = |reader: &BatchReader<R>, problem| -> BatchError {
        reader.input.error(BatchProblem::Content { path: path.clone(), problem })
    };
    let (EntryKind::File { size, .. }, Some(mut rest)) =
        (entry.kind, content_at(target, entry.place))
    else {
        return Err(wrong(reader, "it is no regular file of the target").into());
    };
    let basis = Basis::of(base, entry.place, head.blocks);
    let stats = reader.content(head, size, basis, &mut |bytes: &[u8]| {
        rest = rest.strip_prefix(bytes).ok_or("it is not the target's")?;
        Ok(())
    })?;
    match stats.holds && rest.is_empty() {
        true => Ok(size),
        false => Err(wrong(reader, "its checksum is wrong").into()),
    }
}

/// Whether a resend is the one that cannot succeed, for the last file.
fn is_sentinel<R: Read>(
    reader: &mut BatchReader<R>,
    head: &RecordHead,
    last: Option<u32>,
) -> Result<bool, BatchError> {
    let stats = reader.content(head, 0, Basis::Unknown, &mut |_: &[u8]| Ok(()))?;
    Ok(Some(head.index) == last && !stats.holds)
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use super::*;
    use crate::image::parse_config;
    use crate::progress::Silent;
    use crate::rootfs::SparseFiles;
    use crate::v2::{CreateOptions, Layers, ListScope, create_from_layers};

    /// A layer of entries, each a type flag, a name, and content or a link's target.
    fn layer(entries: &[(u8, &str, &str)], mtime: u64) -> Vec<u8> {
        let mut layer = Vec::new();
        for (flag, name, text) in entries {
            let content = if *flag == b'0' { text.as_bytes() } else { b"" };
            let mut header = tar::Header::new_ustar();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            if content.is_empty() {
                header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
            }
            header.set_entry_type(tar::EntryType::new(*flag));
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(mtime);
            header.set_cksum();
            layer.extend_from_slice(header.as_bytes());
            layer.extend_from_slice(content);
            layer.resize(layer.len().next_multiple_of(512), 0);
        }
        layer
    }

    fn proved(delta: &[u8], base: &[u8], target: &[u8]) -> Result<(), String> {
        let none = SparseFiles::default();
        let tree = |tar| Tree::from_layers(&[tar], &none).expect("valid");
        verify(delta, tree(base), &tree(target), &|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_makes_the_target_is_proved() {
        let dir = (b'5', "d", "");
        let (a, b) = ((b'0', "d/a", "one"), (b'1', "d/b", "d/a"));
        let link = (b'2', "l", "d");
        let unchanged = layer(&[(b'5', "e", ""), (b'0', "e/k", "same")], 5);
        let layer_of = |entries: &[_], mtime| [&unchanged[..], &layer(entries, mtime)].concat();
        let base = layer_of(&[dir, (b'0', "d/a", "old"), (b'0', "gone", "x"), link], 7);
        let target = layer_of(&[dir, a, b, link], 8);
        let others = [
            ("lacks", layer_of(&[dir, a, b, link, (b'6', "pipe", "")], 8)),
            ("too many", layer_of(&[dir, a, b], 8)),
            ("is different", layer_of(&[dir, a, b, link], 9)),
            ("is different", layer_of(&[dir, a, b, (b'2', "l", "e")], 8)),
            ("hard links", layer_of(&[dir, a, (b'0', "d/b", "one"), link], 8)),
            ("not the target's", layer_of(&[dir, (b'0', "d/a", "two"), b, link], 8)),
            ("no regular file", layer_of(&[dir, (b'2', "d/a", "x"), b, link], 8)),
        ];
        let config =
            br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config = parse_config(config).expect("a config");
        for list in [ListScope::Pruned, ListScope::Full] {
            let layers = Layers { base: &[&base], target: &[&target], config: &config };
            let options = CreateOptions { list, ..CreateOptions::default() };
            let mut out = tempfile::tempfile().expect("a file");
            create_from_layers(&layers, &options, &out, &Silent).expect("made and proved");
            let mut delta = Vec::new();
            out.rewind().and_then(|()| out.read_to_end(&mut delta)).expect("readable");
            assert_eq!(proved(&delta, &base, &target), Ok(()));
            for (reason, other) in &others {
                let error = proved(&delta, &base, other).expect_err(reason);
                assert!(error.contains(reason), "{reason}: {error}");
            }
            // What a pruned list leaves alone must be right already.
            let stray = [&base[..], &layer(&[(b'0', "e/stray", "x")], 5)].concat();
            let outcome = proved(&delta, &stray, &target);
            match list {
                ListScope::Pruned => assert!(outcome.expect_err("stays").contains("too many")),
                ListScope::Full => assert_eq!(outcome, Ok(()), "deleted"),
            }
        }
    }
}
