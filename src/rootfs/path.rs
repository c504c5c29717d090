//! Names in tars, made safe: a path becomes a list of plain components below the root.

use super::error::{Problem, shown};

/// More entries than any image has; keeps a hostile stack from taking all memory.
pub(super) const MAX_ENTRIES: usize = 2_000_000;
/// Longer paths no system call takes (`PATH_MAX` without its NUL), nor does a file list of rsync.
pub(super) const MAX_PATH: usize = 4095;
/// Longer names Linux's file systems refuse (`NAME_MAX`).
pub(super) const MAX_NAME: usize = 255;

/// The components of the path whose `parts` are to be joined with slashes, cleaned as engines clean
/// them: without empty ones and `.`, with `..` taking back the one before it. Empty for the root.
pub(super) fn components<'a>(parts: &[&'a [u8]]) -> Result<Vec<&'a [u8]>, Problem> {
    let mut clean: Vec<&'a [u8]> = Vec::new();
    for component in parts.iter().flat_map(|part| part.split(|&byte| byte == b'/')) {
        match component {
            b"" | b"." => {}
            b".." => {
                clean.pop().ok_or_else(|| Problem::Escape(shown(&parts.join(&b'/'))))?;
            }
            name if name.len() > MAX_NAME => return Err(Problem::NameTooLong(shown(name))),
            name if name.contains(&0) => return Err(Problem::Nul(shown(name))),
            name => clean.push(name),
        }
    }
    match clean.iter().map(|name| name.len() + 1).sum::<usize>() > MAX_PATH + 1 {
        true => Err(Problem::NameTooLong(shown(&clean.join(&b'/')))),
        false => Ok(clean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        let clean = |path: &str| {
            components(&[path.as_bytes()])
                .map(|parts| String::from_utf8_lossy(&parts.join(&b'/')).into_owned())
        };
        for (path, cleaned) in [
            ("a/b", "a/b"),
            ("./a//b/", "a/b"),
            ("/a/./b", "a/b"),
            ("a/../b", "b"),
            ("", ""),
            ("./", ""),
            ("a/..", ""),
        ] {
            assert_eq!(clean(path).as_deref(), Ok(cleaned), "{path}");
        }
        for path in ["..", "../a", "a/../../b", "/.."] {
            assert!(matches!(clean(path), Err(Problem::Escape(_))), "{path}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let name = vec![b'n'; 255];
        assert!(components(&[&name]).is_ok());
        assert!(components(&[&[&name[..], b"x"].concat()]).is_err());
        let deep = b"a/".repeat(2048);
        assert!(components(&[&deep]).is_ok());
        assert!(components(&[&deep, b"b"]).is_err());
    }
}
