//! What happens beneath a folder stays there.

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::resolve::name_by_name;
use super::*;

/// A folder to work in, beside something that must stay as it is.
struct Yard {
    root: tempfile::TempDir,
    folder: Folder,
}

impl Yard {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let path = |name: &str| root.path().join(name);
        fs::create_dir(path("outside")).expect("made");
        fs::write(path("outside/kept"), "kept").expect("written");
        fs::create_dir(path("in")).expect("made");
        symlink("../outside", path("in/link")).expect("linked");
        symlink("../outside/kept", path("in/file")).expect("linked");
        let folder = Folder::open(&path("in")).expect("opened");
        Yard { root, folder }
    }

    fn assert_kept(&self) {
        let kept = self.root.path().join("outside/kept");
        assert_eq!(fs::read_to_string(&kept).expect("there"), "kept");
        assert_eq!(fs::metadata(&kept).expect("there").mode() & 0o7777, 0o644);
        let names = fs::read_dir(self.root.path().join("outside")).expect("there").count();
        assert_eq!(names, 1);
    }
}

#[test]
fn links_are_neither_followed_nor_gone_through() {
    let yard = Yard::new();
    let folder = &yard.folder;
    folder.open_dir(b"link").expect_err("a link");
    folder.open_below(b"link").expect_err("a link");
    folder.open_below(b"link/x").expect_err("through a link");
    folder.open_below(b"../outside").expect_err("above");
    name_by_name(folder.as_fd(), b"link").expect_err("a link");
    name_by_name(folder.as_fd(), b"../outside").expect_err("above");
    for name in ["link", "file"] {
        folder.make_file(name.as_bytes()).expect_err("something is there");
        folder.make_dir(name.as_bytes()).expect_err("something is there");
    }
    for name in ["../outside/new", "link/new", "/tmp/new", "..", ""] {
        folder.make_file(name.as_bytes()).expect_err("no name");
        folder.make_symlink(name.as_bytes(), b"x").expect_err("no name");
        folder.make_node(name.as_bytes(), NodeKind::Fifo).expect_err("no name");
        folder.remove_tree(name.as_bytes()).expect_err("no name");
        folder.make_hard_link(b"file", folder, name.as_bytes()).expect_err("no name");
        folder.rename(b"file", folder, name.as_bytes()).expect_err("no name");
    }
    let target = Target::Named(folder, b"file");
    let _ = target.set_mode(0o777);
    let _ = target.set_xattr(b"user.a", b"b");
    target.set_times(Times { seconds: 1, nanoseconds: 5 }).expect("the link's own");
    let link = fs::symlink_metadata(yard.root.path().join("in/file")).expect("there");
    assert_eq!((link.mtime(), link.mtime_nsec()), (1, 5));
    folder.make_hard_link(b"file", folder, b"again").expect("a link to the link");
    assert!(yard.root.path().join("in/again").is_symlink());
    yard.assert_kept();
}

#[test]
fn what_is_made_has_what_it_was_given() {
    let yard = Yard::new();
    let made = yard.folder.make_dir(b"d").expect("made");
    let mut file = made.make_file(b"f").expect("made");
    file.write_all(b"content").expect("written");
    Target::Open(file.as_fd()).set_mode(0o4750).expect("set");
    made.make_node(b"p", NodeKind::Fifo).expect("made");
    Target::Named(&made, b"p").set_mode(0o622).expect("set");
    Target::Open(made.as_fd()).set_times(Times { seconds: 7, nanoseconds: 9 }).expect("set");
    let stat = |name: &str| fs::symlink_metadata(yard.root.path().join(name)).expect("there");
    assert_eq!(stat("in/d/f").mode() & 0o7777, 0o4750);
    assert_eq!(stat("in/d/p").mode() & 0o7777, 0o622);
    assert_eq!((stat("in/d").mtime(), stat("in/d").mtime_nsec()), (7, 9));
    assert_eq!(yard.folder.open_below(b"d").expect("there").names().expect("names").count(), 2);
    let identity = yard.folder.identity().expect("known");
    made.parent(identity).expect("not moved");
    made.parent(made.identity().expect("known")).expect_err("another folder");
}

#[test]
fn trees_are_removed_however_deep_wide_and_forbidden_they_are() {
    let yard = Yard::new();
    let top = yard.folder.make_dir(b"tree").expect("made");
    let mut deepest = top.make_dir(b"0").expect("made");
    for number in 1..500 {
        deepest.make_symlink(b"out", b"../../../../outside").expect("made");
        deepest = deepest.make_dir(number.to_string().as_bytes()).expect("made");
    }
    for number in 0..3000 {
        top.make_file(format!("f{number}").as_bytes()).expect("made");
    }
    let shut = top.make_dir(b"shut").expect("made");
    shut.make_file(b"f").expect("made");
    Target::Open(shut.as_fd()).set_mode(0).expect("set");
    yard.folder.remove_tree(b"tree").expect("removed");
    yard.folder.remove_tree(b"link").expect("the link itself");
    assert!(yard.folder.open_dir(b"tree").is_err_and(|it| it.kind() == io::ErrorKind::NotFound));
    yard.assert_kept();
}

#[test]
fn a_folder_is_replaced_only_if_it_is_empty() {
    let yard = Yard::new();
    let folder = &yard.folder;
    folder.make_dir(b"new").expect("made");
    let full = folder.make_dir(b"full").expect("made");
    full.make_file(b"f").expect("made");
    folder.make_dir(b"empty").expect("made");
    folder.rename(b"new", folder, b"full").expect_err("not empty");
    folder.rename_new(b"new", folder, b"empty").expect_err("there");
    folder.rename(b"new", folder, b"empty").expect("replaced");
    assert!(!full.is_empty().expect("readable"));
}

#[test]
fn a_lock_is_one_handles() {
    let yard = Yard::new();
    assert!(yard.folder.try_lock().expect("locked"));
    let other = Folder::open(&yard.root.path().join("in")).expect("opened");
    assert!(!other.try_lock().expect("asked"));
    let mode = fs::metadata(yard.root.path().join("in")).expect("there").permissions().mode();
    assert_eq!(mode & 0o700, 0o700);
}

#[test]
fn extended_attributes_are_read_back_whatever_their_length() {
    let top = tempfile::tempdir().expect("folder");
    let folder = Folder::open(top.path()).expect("open");
    folder.make_file(b"file").expect("made");
    let held = folder.open_handle(b"file").expect("held");
    assert_eq!(read_xattrs(&held).expect("readable"), []);
    let expected: Vec<(Vec<u8>, Vec<u8>)> = [0, 255, 256, 257, 3000]
        .iter()
        .map(|len| (format!("user.a{len}").into(), vec![b'x'; *len]))
        .collect();
    for (name, value) in &expected {
        Target::Named(&folder, b"file")
            .set_xattr(name, value)
            .expect("set (the folder for temporary files must take extended attributes)");
    }
    let mut found = read_xattrs(&held).expect("readable");
    found.sort_by_key(|(_, value)| value.len());
    assert_eq!(found, expected);
}
