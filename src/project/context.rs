//! Build contexts: the files of one folder as a tar of their own.

use std::collections::HashMap;
use std::io::{self, Write};

use super::index::{Kind, ProjectTar, Stored, is_metadata};
use super::plan::BuildPlan;
use crate::tar::{NewEntry, NewKind, TreeWriter};

/// The mode of a Dockerfile that was put together here.
const DOCKERFILE_MODE: u32 = 0o644;

/// Writes the build context of a service as a tar: the files of its folder with the folder cut off, without what is
/// for the builder, and the Dockerfile that was found for the service. The same project gives the same bytes.
///
/// # Errors
/// If writing fails.
pub(crate) fn write_context(
    tar: &ProjectTar<'_>,
    plan: &BuildPlan,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = TreeWriter::new(out);
    let mut linked = HashMap::new();
    for (number, stored) in tar.live() {
        let Some(name) = name_within(plan, &stored.path) else { continue };
        let (kind, content) = kind_within(tar, plan, &mut linked, (number, stored), name);
        let entry = NewEntry { name, kind, mode: stored.mode, mtime: stored.mtime };
        writer.write(&entry, content)?;
    }
    let text = plan.dockerfile_text.as_bytes();
    let kind = NewKind::File(text.len() as u64);
    let dockerfile =
        NewEntry { name: plan.dockerfile.as_bytes(), kind, mode: DOCKERFILE_MODE, mtime: 0 };
    writer.write(&dockerfile, text)?;
    writer.finish().map(drop)
}

/// What a path is called in the context; `None` if it is not there.
fn name_within<'p>(plan: &BuildPlan, path: &'p [u8]) -> Option<&'p [u8]> {
    let name = plan.context.cut(path).filter(|name| !name.is_empty() && !is_metadata(path))?;
    (name != plan.dockerfile.as_bytes()).then_some(name)
}

/// What an entry is in the context. A hard link whose target is not there becomes the file itself, and further
/// links to that target become links to this one, so that no content is written twice.
fn kind_within<'t>(
    tar: &'t ProjectTar<'_>,
    plan: &BuildPlan,
    linked: &mut HashMap<usize, &'t [u8]>,
    (_, stored): (usize, &'t Stored<'_>),
    name: &'t [u8],
) -> (NewKind<'t>, &'t [u8]) {
    let Kind::HardLink(first) = stored.kind else { return plain(stored.kind) };
    let target = tar.entry(first);
    let own = tar.is_live(first).then(|| name_within(plan, &target.path)).flatten();
    if let Some(target) = own.or_else(|| linked.get(&first).copied()) {
        return (NewKind::HardLink(target), b"");
    }
    linked.insert(first, name);
    plain(target.kind)
}

fn plain<'t>(kind: Kind<'t>) -> (NewKind<'t>, &'t [u8]) {
    match kind {
        Kind::File(content) => (NewKind::File(content.len() as u64), content),
        Kind::Symlink(target) => (NewKind::Symlink(target), b""),
        // Hard links are looked through before, and point to no other hard link.
        Kind::Folder | Kind::HardLink(_) => (NewKind::Folder, b""),
    }
}

#[cfg(test)]
mod tests;
