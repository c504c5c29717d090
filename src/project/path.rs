//! Paths within a project: relative, with nothing in them that leads out.

use std::borrow::Cow;

use super::error::EntryProblem;
use super::limits::ProjectLimits;

/// Bytes of a name between slashes: what file systems of Linux take.
const MAX_NAME: usize = 255;

/// A folder of a project that an image is built from; empty for the project's own folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ContextPath(String);

impl ContextPath {
    /// The path, with slashes between folders; empty for the project's own folder.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder at `path`, seen from the project's folder. `None` if it leads out of the project.
    pub(super) fn new(path: &str) -> Option<Self> {
        resolve("", path).map(ContextPath)
    }

    /// The path within the project of something within this folder.
    pub(super) fn join(&self, inner: &str) -> String {
        if self.0.is_empty() { inner.to_owned() } else { format!("{}/{inner}", self.0) }
    }

    /// What is left of `path` with this folder cut off; `None` if it lies elsewhere.
    pub(super) fn cut<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        match self.0.is_empty() {
            true => Some(path),
            false => path.strip_prefix(self.0.as_bytes())?.strip_prefix(b"/"),
        }
    }
}

/// The path `path` seen from `folder`, without `.` and `..`. `None` if it is absolute, leads out, or has a NUL.
pub(super) fn resolve(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The name of a tar's entry without `.` and doubled slashes; empty for the project's own folder.
pub(super) fn entry_path<'a>(
    [prefix, rest]: [&'a [u8]; 2],
    limits: &ProjectLimits,
) -> Result<Cow<'a, [u8]>, EntryProblem> {
    let name: Cow<'a, [u8]> = match prefix {
        b"" => Cow::Borrowed(rest),
        prefix => Cow::Owned([prefix, b"/", rest].concat()),
    };
    if name.len() > limits.path_bytes {
        return Err(EntryProblem::TooLong(limits.path_bytes));
    }
    match name.first() {
        None => return Err(EntryProblem::Nameless),
        Some(b'/') => return Err(EntryProblem::Absolute),
        Some(_) => {}
    }
    let parts = || name.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    if parts().any(|part| part == b"..") {
        return Err(EntryProblem::Upwards);
    }
    if parts().any(|part| part.len() > MAX_NAME) {
        return Err(EntryProblem::NameTooLong(MAX_NAME));
    }
    if parts().count() > limits.depth {
        return Err(EntryProblem::TooDeep(limits.depth));
    }
    let joined = parts().collect::<Vec<_>>().join(&b'/');
    Ok(match name {
        // Most names are as they should be, and need no memory of their own.
        Cow::Borrowed(whole) if whole.starts_with(&joined) => Cow::Borrowed(&whole[..joined.len()]),
        _ => Cow::Owned(joined),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_within_the_project() {
        for (folder, path, resolved) in [
            ("", "./sub/X", Some("sub/X")),
            ("", ".", Some("")),
            ("a/b", "../c", Some("a/c")),
            ("a", "../..", None),
            ("", "/etc/passwd", None),
            ("", "a/../../b", None),
            ("", "a\0b", None),
            ("", "a//b/", Some("a/b")),
        ] {
            assert_eq!(resolve(folder, path).as_deref(), resolved, "{folder} {path}");
        }
    }

    #[test]
    fn names_of_entries_are_made_plain_or_refused() {
        let limits = ProjectLimits { path_bytes: 20, depth: 3, ..ProjectLimits::default() };
        let plain = |name: &'static str| entry_path([b"", name.as_bytes()], &limits);
        for (name, path) in
            [("a/b", "a/b"), ("./a", "a"), ("a//b/", "a/b"), ("./", ""), ("a/b/c/", "a/b/c")]
        {
            assert_eq!(plain(name).as_deref(), Ok(path.as_bytes()), "{name}");
        }
        assert_eq!(entry_path([b"p", b"n"], &limits).as_deref(), Ok(&b"p/n"[..]));
        for (name, problem) in [
            ("", EntryProblem::Nameless),
            ("/a", EntryProblem::Absolute),
            ("a/../b", EntryProblem::Upwards),
            ("..", EntryProblem::Upwards),
            ("a/b/c/d", EntryProblem::TooDeep(3)),
            ("123456789012345678901", EntryProblem::TooLong(20)),
        ] {
            assert_eq!(plain(name), Err(problem), "{name}");
        }
    }

    #[test]
    fn a_context_is_cut_off_whole() {
        let context = ContextPath::new("./web").expect("within");
        assert_eq!(context.cut(b"web/a"), Some(&b"a"[..]));
        assert_eq!(context.cut(b"website/a"), None);
        assert_eq!(ContextPath::new(".").expect("within").cut(b"a"), Some(&b"a"[..]));
    }
}
