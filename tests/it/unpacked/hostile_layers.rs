//! Stacks of layers that mean harm, one of every kind that an image tool has fallen for.

use super::layer::{FILE, FOLDER, Has, Layer, layer};

/// What must come of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is refused, with this in the message.
    Refused(&'static str),
    /// It is unpacked, into the folder alone.
    Made,
    /// The file system decides: refused with this, or unpacked.
    Either(&'static str),
}

use Outcome::{Either, Made, Refused};

/// A stack of layers and what must come of it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) layers: Vec<Layer>,
    pub(super) outcome: Outcome,
}

/// Where the files are that must stay as they are, in the words of a hostile layer: `OUTSIDE` is their absolute path.
pub(super) fn cases(outside: &str) -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    cases.names_that_lead_out();
    cases.absolute_names();
    cases.ways_through_links(outside);
    cases.hard_links(outside);
    cases.whiteouts();
    cases.odd_names();
    cases.extended_headers();
    cases.duplicates();
    cases.special_files();
    cases.holes();
    cases.too_much();
    cases.attributes();
    cases.damage();
    cases.0
}

struct Cases(Vec<Case>);

/// What puts something into a layer.
type Put = fn(Layer) -> Layer;

/// An entry of each type.
const KINDS: [(&str, u8); 7] = [
    ("file", b'0'),
    ("hard link", b'1'),
    ("link", b'2'),
    ("device", b'3'),
    ("folder", b'5'),
    ("pipe", b'6'),
    ("old file", 0),
];

fn of_kind(layer: Layer, kind: u8, name: &str) -> Layer {
    let link: &[u8] = if matches!(kind, b'1' | b'2') { b"target" } else { b"" };
    let content: &[u8] = if matches!(kind, b'0' | 0) { b"evil" } else { b"" };
    let has = Has { mode: 0o777, uid: 0, gid: 0 };
    layer.entry(kind, name.as_bytes(), link, content, has)
}

impl Cases {
    fn add(&mut self, name: impl Into<String>, layers: impl Into<Vec<Layer>>, outcome: Outcome) {
        self.0.push(Case { name: name.into(), layers: layers.into(), outcome });
    }

    fn names_that_lead_out(&mut self) {
        for name in ["../evil", "../outside/kept", "a/../../evil", "/../evil", "a/b/../../../evil"]
        {
            for (kind, flag) in KINDS {
                let layers = [of_kind(layer().file("target", ""), flag, name)];
                self.add(format!("{kind} {name}"), layers, Refused("leads out of the root"));
            }
        }
        for name in ["..", "../", "a/../.."] {
            self.add(format!("folder {name}"), [layer().dir(name)], Refused("leads out"));
        }
    }

    fn absolute_names(&mut self) {
        for name in ["/evil", "//evil", "///tmp/evil", "/./evil", "/tmp/../evil"] {
            self.add(format!("absolute {name}"), [layer().file(name, "evil")], Made);
            self.add(format!("absolute link {name}"), [layer().symlink(name, "/")], Made);
        }
    }

    fn ways_through_links(&mut self, outside: &str) {
        for target in
            ["../outside", "../../outside", outside, "/", "..", "/proc/self/root/tmp", "."]
        {
            let link = || layer().symlink("l", target);
            let through: [(&str, Put); 8] = [
                ("file", |layer| layer.file("l/kept", "evil")),
                ("folder", |layer| layer.dir_of("l/d", Has { mode: 0o777, ..FOLDER })),
                ("mode", |layer| layer.dir_of("l", Has { mode: 0o777, uid: 1, gid: 1 })),
                ("mode of a file", |layer| {
                    layer.file_of("l", b"evil", Has { mode: 0o777, ..FILE })
                }),
                ("whiteout", |layer| layer.file("l/.wh.kept", "")),
                ("opaque", |layer| layer.file("l/.wh..wh..opq", "")),
                ("link", |layer| layer.symlink("l/m", "kept").file("l/m/x", "evil")),
                ("device", |layer| layer.node(b'3', "l/kept", (1, 3))),
            ];
            for (kind, put) in through {
                self.add(format!("{kind} through {target}"), [put(link())], Made);
                self.add(format!("{kind} through {target} of below"), [link(), put(layer())], Made);
            }
            let hard = [link(), layer().link("h", "l/kept")];
            self.add(
                format!("hard link through {target}"),
                hard,
                Refused("is no file of this image"),
            );
        }
        let two = [layer().symlink("a", "b").symlink("b", outside), layer().file("a/kept", "evil")];
        self.add("two links", two, Made);
        let turned = [
            layer().dir("d").file("d/x", ""),
            layer().symlink("d", outside),
            layer().file("d/kept", "evil"),
        ];
        self.add("folder made a link", turned, Made);
        let circle = [layer().symlink("a", "b").symlink("b", "a").file("a/x", "")];
        self.add("links in a circle", circle, Refused("too many symbolic links"));
        let chain =
            (0..300).fold(layer(), |it, n| it.symlink(&format!("l{n}"), &format!("l{}", n + 1)));
        self.add(
            "long chain of links",
            [chain.file("l0/x", "")],
            Refused("too many symbolic links"),
        );
    }

    fn hard_links(&mut self, outside: &str) {
        let kept = format!("{outside}/kept");
        for target in ["../outside/kept", "/etc/passwd", &kept, "missing", "self", "d", "", "."] {
            let link = [layer().dir("d").link("self", target)];
            let reason = if target.starts_with("..") { "leads out" } else { "is no file" };
            self.add(format!("hard link to {target}"), link, Refused(reason));
        }
        for (name, last) in [
            ("written", layer().file("h", "evil")),
            ("given a mode", layer().file_of("h", b"", Has { mode: 0o4777, ..FILE })),
            ("made a folder", layer().dir_of("h", Has { mode: 0o777, ..FOLDER })),
            ("linked again", layer().link("i", "h").file("i", "evil")),
            ("removed", layer().file(".wh.h", "")),
        ] {
            let link = layer().symlink("s", &kept).link("h", "s");
            self.add(format!("hard link to a link, then {name}"), [link, last], Made);
        }
        let many = (0..2000).fold(layer().file("f", "x"), |it, n| it.link(&format!("h{n}"), "f"));
        self.add("many hard links", [many], Made);
        let before = layer().link("h", "f").file("f", "x");
        self.add("hard link before its file", [before], Refused("is no file"));
        let spread = layer().file("a/f", "x").link("b/c/d/h", "a/f").link("e/h", "b/c/d/h");
        self.add("hard links between folders", [spread], Made);
    }

    fn whiteouts(&mut self) {
        for name in [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh...", "d/.wh.."] {
            let layers = [layer().dir("d").file("d/x", ""), layer().file(name, "")];
            self.add(format!("whiteout {name}"), layers, Refused("names nothing"));
        }
        for name in ["../.wh.outside", "d/../../.wh.outside", "../.wh..wh..opq", "/../.wh.kept"] {
            self.add(format!("whiteout {name}"), [layer().file(name, "")], Refused("leads out"));
        }
        for name in [
            ".wh..wh..opq",
            "d/.wh..wh..opq",
            ".wh..wh.plnk",
            ".wh..wh.aufs",
            ".wh..wh..wh.x",
            ".wh.d",
            ".wh.nothing",
            "nowhere/.wh.x",
            "d/x/.wh.y",
            ".wh.d/x",
            "./.wh.d",
            "/.wh.d",
        ] {
            for (kind, flag) in [("file", b'0'), ("folder", b'5'), ("link", b'2'), ("device", b'3')]
            {
                let below = layer().dir("d").file("d/x", "");
                let layers = [below, of_kind(layer(), flag, name)];
                self.add(format!("whiteout {name} as a {kind}"), layers, Made);
            }
        }
    }

    fn odd_names(&mut self) {
        let long = |len: usize| "n".repeat(len);
        let deep = |len: usize| "d/".repeat(len / 2);
        self.add("name of 255 bytes", [layer().file(&long(255), "")], Made);
        self.add("name of 256 bytes", [layer().file(&long(256), "")], Refused("too long a name"));
        self.add("name of 4 KiB", [layer().file(&long(4096), "")], Refused("too long a name"));
        self.add("name of 1 MB", [layer().file(&long(1_000_000), "")], Refused("too long a name"));
        self.add("path of 4 KiB", [layer().dir(&deep(4094))], Made);
        self.add("path over 4 KiB", [layer().dir(&deep(4200))], Refused("too long a name"));
        let deeper = [
            layer().dir(&deep(4000)).symlink("l", &deep(4000)),
            layer().dir(&format!("l/{}", deep(400))),
        ];
        self.add("path over 4 KiB by way of a link", deeper, Refused("longer than 4095 bytes"));
        let far = layer().symlink("l", &"x".repeat(4095));
        self.add("link of 4 KiB", [far], Made);
        self.add(
            "link over 4 KiB",
            [layer().symlink("l", &"x/".repeat(2100))],
            Refused("too long a name"),
        );
        self.add("link to nothing", [layer().symlink("l", "")], Refused("too long a name"));
        let nul = |key| layer().pax(key, b"a\0b").file("f", "");
        self.add("NUL in a name", [nul("path")], Refused("extended header is malformed"));
        self.add("NUL in a link", [nul("linkpath")], Refused("extended header is malformed"));
        for name in
            ["new\nline", "\u{1b}[31m", "-rf", " ", "a\\b", "C:\\x", "~", "$(x)", "\u{202e}x"]
        {
            self.add(format!("name {name:?}"), [layer().file(name, "")], Made);
        }
        let bytes = layer().entry(b'0', b"\xff\xfe\x80", b"", b"", FILE);
        self.add("name that is no text", [bytes], Made);
        for name in ["", ".", "./", "/"] {
            self.add(
                format!("root as a file {name:?}"),
                [layer().file(name, "x")],
                Refused("root folder"),
            );
            self.add(
                format!("root as a link {name:?}"),
                [layer().symlink(name, "/tmp")],
                Refused("root folder"),
            );
        }
        self.add(
            "shut root",
            [layer().dir_of("./", Has { mode: 0, uid: 9, gid: 9 }).file("f", "")],
            Made,
        );
    }

    fn extended_headers(&mut self) {
        let with = |key: &str, value: &str| layer().pax(key, value).file("f", "x");
        for (key, value, outcome) in [
            ("path", "../evil", Refused("leads out")),
            ("path", "/evil", Made),
            ("size", "-1", Refused("not a number in range")),
            ("size", "9223372036854775807", Refused("ends in the middle")),
            ("size", "99999999999999999999", Refused("not a number")),
            ("uid", "-1", Refused("not a number in range")),
            ("uid", "4294967295", Made),
            ("uid", "4294967296", Refused("not a number in range")),
            ("gid", "x", Refused("not a number")),
            ("mtime", "1e9", Refused("not a number")),
            ("mtime", "-9223372036854775808", Made),
            ("mtime", "9223372036854775807.999999999", Made),
            ("mtime", "-1.5", Made),
            ("comment", "\u{0}", Refused("malformed")),
            ("", "x", Refused("malformed")),
        ] {
            let outcome = if key == "comment" { Made } else { outcome };
            self.add(format!("record {key}={value}"), [with(key, value)], outcome);
        }
        let twice = layer().pax("path", "f").pax("path", "../evil").file("f", "x");
        self.add("two paths", [twice], Refused("leads out"));
        let link = layer().pax("linkpath", "../outside/kept").link("h", "f");
        self.add("record linkpath", [link], Refused("leads out"));
        let long = layer().entry(b'L', b"././@LongLink", b"", b"../evil\0", FILE).file("f", "x");
        self.add("GNU's long name", [long], Refused("leads out"));
        let global =
            layer().entry(b'g', b"global", b"", b"18 path=../evilxx\n", FILE).file("f", "x");
        self.add("path for all", [global], Made);
    }

    fn duplicates(&mut self) {
        let kinds = [b'0', b'2', b'3', b'5', b'6'];
        for first in kinds {
            for second in kinds {
                let name = format!("{} then {}", first as char, second as char);
                let twice = of_kind(of_kind(layer(), first, "x"), second, "x");
                self.add(format!("twice, {name}"), [twice], Made);
                let below = [of_kind(layer(), first, "x"), of_kind(layer(), second, "x")];
                self.add(format!("twice over layers, {name}"), below, Made);
            }
        }
        let often = (0..5000).fold(layer(), |it, n| it.file("x", &n.to_string()));
        self.add("5,000 times", [often], Made);
        let below = layer().file("f", "").file("f/x", "");
        self.add("below a file", [below], Refused("not a directory"));
    }

    fn special_files(&mut self) {
        for (name, flag, device) in [
            ("null", b'3', (1, 3)),
            ("memory", b'3', (1, 1)),
            ("whiteout of overlay", b'3', (0, 0)),
            ("disk", b'4', (8, 0)),
            ("pipe", b'6', (0, 0)),
        ] {
            self.add(format!("device {name}"), [layer().node(flag, "x", device)], Made);
            let through = [layer().node(flag, "x", device), layer().file("x", "evil")];
            self.add(format!("device {name}, then written"), through, Made);
            let linked = layer().node(flag, "x", device).link("h", "x");
            self.add(format!("device {name}, linked"), [linked], Made);
        }
        self.add(
            "huge device",
            [layer().node(b'3', "x", (2_000_000, 1))],
            Refused("device number"),
        );
        for mode in [0o4755, 0o2755, 0o6777, 0o1777, 0, 0o777_7777] {
            let has = Has { mode, uid: 0, gid: 0 };
            let bits = layer().file_of("f", b"x", has).dir_of("d", has).file("d/x", "");
            self.add(format!("mode {mode:o}"), [bits], Made);
        }
        self.add(
            "unknown type",
            [layer().entry(b'Z', b"f", b"", b"x", FILE)],
            Refused("unknown entry type"),
        );
        self.add(
            "contiguous",
            [layer().entry(b'7', b"f", b"", b"x", FILE)],
            Refused("unknown entry type"),
        );
    }

    fn holes(&mut self) {
        let sparse = |size: &str, count: &str, map: &str, data: &str| {
            let records = layer().pax("GNU.sparse.size", size).pax("GNU.sparse.numblocks", count);
            [records.pax("GNU.sparse.map", map).file("f", data)]
        };
        self.add("1 TiB of holes", sparse("1099511627776", "1", "0,1", "x"), Made);
        self.add(
            "8 EiB of holes",
            sparse("9223372036854775807", "1", "0,1", "x"),
            Either("File too large"),
        );
        self.add("holes beyond", sparse("10", "1", "9,5", "xxxxx"), Refused("map of its holes"));
        self.add(
            "pieces over each other",
            sparse("10", "2", "0,5,4,1", "xxxxxx"),
            Refused("map of its holes"),
        );
        self.add("negative piece", sparse("10", "1", "-1,1", "x"), Refused("map of its holes"));
        self.add(
            "less data than pieces",
            sparse("10", "1", "0,5", "x"),
            Refused("map of its holes"),
        );
        let pieces = 2_000;
        let map: Vec<String> = (0..pieces).map(|n| format!("{},1", n * 8192)).collect();
        let scattered =
            sparse("999999999", &pieces.to_string(), &map.join(","), &"x".repeat(pieces));
        self.add("many pieces", scattered, Made);
        let folder = layer()
            .pax("GNU.sparse.size", "9")
            .pax("GNU.sparse.map", "0,0")
            .pax("GNU.sparse.numblocks", "1");
        self.add("folder with holes", [folder.dir("d")], Refused("map of its holes"));
    }

    fn too_much(&mut self) {
        let files = (0..5_000).fold(layer(), |it, n| it.file(&format!("f{n}"), ""));
        self.add("5,000 files", [files.clone()], Made);
        let opaque = (0..3000).fold(files.clone(), |it, _| it.file(".wh..wh..opq", ""));
        self.add("opaque 3,000 times", [layer().file("below", ""), opaque], Made);
        let gone = (0..5_000).fold(layer(), |it, n| it.file(&format!(".wh.f{n}"), ""));
        self.add("5,000 whiteouts", [files, gone], Made);
        let steps = "a/../".repeat(800);
        let links = (0..200).fold(layer().dir("a"), |it, n| {
            let next = if n == 199 { "a".to_owned() } else { format!("l{}", n + 1) };
            it.symlink(&format!("l{n}"), &format!("{steps}{next}"))
        });
        let bomb = (0..1000).fold(links, |it, n| it.file(&format!("l0/f{n}"), ""));
        self.add("steps through links", [bomb], Refused("steps through symbolic links"));
        let deep =
            (0..2000).fold(layer(), |it, n| it.file(&format!("{}f{n}", "d/".repeat(n / 4)), ""));
        self.add("deep folders", [deep], Made);
    }

    fn attributes(&mut self) {
        let named = |name: &str, value: &[u8]| [layer().xattr(name, value).file("f", "x")];
        let long = format!("user.{}", "n".repeat(300));
        self.add("attribute with a long name", named(&long, b"x"), Made);
        self.add("attribute of 100 KB", named("user.large", &[b'x'; 100_000]), Made);
        self.add("capability that is none", named("security.capability", b"nonsense"), Made);
        self.add("ACL that is none", named("system.posix_acl_access", b"nonsense"), Made);
        for name in
            ["trusted.overlay.redirect", "user.containers.override_stat", "nonsense", "", "user."]
        {
            self.add(format!("attribute {name:?}"), named(name, b"/etc"), Made);
        }
        let through = layer().xattr("user.evil", "x").symlink("l", "../outside/kept");
        self.add("attribute of a link", [through], Made);
        let many = (0..3000).fold(layer(), |it, n| it.xattr(&format!("user.a{n}"), "x"));
        self.add("3,000 attributes", [many.file("f", "")], Made);
    }

    fn damage(&mut self) {
        let whole = layer().file("f", "content").tar();
        let cut = layer().raw(&whole[..515]);
        self.add("cut in content", [cut.cut()], Refused("ends in the middle"));
        let mut flipped = whole.clone();
        flipped[10] ^= 1;
        self.add("wrong checksum", [layer().raw(&flipped)], Refused("checksum is wrong"));
        self.add("no tar", [layer().raw(&[b'x'; 2048])], Refused("checksum is wrong"));
    }
}
