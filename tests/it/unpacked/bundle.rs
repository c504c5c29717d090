//! Images unpacked and started by an ordinary user: with runc, which is rootless here.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use serde_json::{Value, json};

use super::layer::{Has, Layer, layer};
use super::metadata::xattr;
use super::ordinary_user::{FIRST, OrdinaryUser, UID};
use crate::images::{Bench, image};
use crate::tools::run;

/// A system with one program.
fn system() -> Layer {
    let busybox = run("sh", &["-c", "command -v busybox"]);
    let busybox = fs::read(busybox.trim()).expect("the program");
    let passwd = "root:x:0:0::/root:/bin/sh\napp:x:33:33::/:/bin/sh\n";
    layer()
        .dir("bin")
        .file_of("bin/busybox", &busybox, Has { mode: 0o755, uid: 0, gid: 0 })
        .symlink("bin/sh", "busybox")
        .dir("usr")
        .dir("usr/etc")
        .symlink("etc", "/usr/etc")
        .file("usr/etc/passwd", passwd)
        .file("usr/etc/group", "app:x:33:\nmore:x:44:app\n")
        .dir("proc")
        .dir("sys")
        .dir("dev")
        .file_of("data/private", b"of app", Has { mode: 0o600, uid: 33, gid: 33 })
        .file_of("data/far", b"x", Has { mode: 0o600, uid: 100_000, gid: 33 })
        .node(b'3', "data/null", (1, 3))
}

/// Puts the system into the user's folder as the image `oci:layout:image`.
fn put(user: &OrdinaryUser, name: &str) -> String {
    let bench = Bench::new();
    let script = "id -u; id -G; cat /data/private; echo $GREETING; echo; cat /proc/1/comm";
    let made = image().layer(&system().tar()).with(
        "config",
        json!({
            "User": name, "Cmd": ["-c", script], "Entrypoint": ["/bin/busybox", "sh"],
            "Env": ["GREETING=hello"], "Labels": { "a": "b" }, "StopSignal": "SIGINT",
        }),
    );
    bench.put("image", &made.build());
    let layout = user.path("layout");
    run(
        "cp",
        &[
            "-r",
            bench.path().join("layout").to_str().expect("text"),
            layout.to_str().expect("text"),
        ],
    );
    user.give(&layout);
    "oci:layout:image".to_owned()
}

fn config(user: &OrdinaryUser) -> Value {
    let text = fs::read(user.path("app/config.json")).expect("there");
    serde_json::from_slice(&text).expect("JSON")
}

fn start(user: &OrdinaryUser) -> String {
    // runc without a runtime folder of the user's wants one named.
    user.succeed(&["runc", "--root", "state", "run", "--bundle", "app", "test"])
}

#[test]
fn an_ordinary_user_with_ranges_gets_owners_and_starts_the_image() {
    let user = OrdinaryUser::new(true);
    let image = put(&user, "app");
    let answer = user.remora(&["bundle", &image, "app"]);
    assert_eq!(answer["owners"], "mapped", "{answer}");
    assert_eq!((&answer["uid"], &answer["isolation"]), (&json!(33), &json!("user_namespace")));
    assert_eq!(answer["left_out_groups"], 1, "a runtime of an ordinary user sets none");
    let owner = |name: &str| {
        let metadata = fs::symlink_metadata(user.path("app/rootfs").join(name)).expect("there");
        (metadata.uid(), metadata.gid())
    };
    assert_eq!(owner("bin/busybox"), (UID, UID));
    assert_eq!(owner("data/private"), (FIRST + 32, FIRST + 32));
    // The namespace has no such user.
    assert_eq!(owner("data/far"), (UID, UID));
    let record = xattr(&user.path("app/rootfs/data/far"), remora::unpack::OWNER_RECORD);
    assert_eq!(record.as_deref(), Some("100000:33:0600:file"));
    assert_eq!(answer["recorded"], json!({ "owners": 1, "devices": 1, "xattrs": 0 }));
    let record = xattr(&user.path("app/rootfs/data/null"), remora::unpack::OWNER_RECORD);
    assert_eq!(record.as_deref(), Some("0:0:0644:char-1-3"));
    assert_eq!(config(&user)["linux"]["uidMappings"][1]["hostID"], FIRST);
    assert_eq!(start(&user), "33\n33\nof apphello\n\ncat\n");
}

#[test]
fn an_ordinary_user_without_ranges_gets_records_and_starts_the_image() {
    let user = OrdinaryUser::new(false);
    let image = put(&user, "app");
    let answer = user.remora(&["bundle", &image, "app"]);
    assert_eq!(answer["owners"], "recorded", "{answer}");
    assert_eq!((&answer["uid"], &answer["unmapped_uid"]), (&json!(0), &json!(33)));
    let record = xattr(&user.path("app/rootfs/data/private"), remora::unpack::OWNER_RECORD);
    assert_eq!(record.as_deref(), Some("33:33:0600:file"));
    assert_eq!(
        config(&user)["linux"]["uidMappings"],
        json!([{ "containerID": 0, "hostID": UID, "size": 1 }])
    );
    assert_eq!(start(&user), "0\n0\nof apphello\n\ncat\n");
    let refused = user.output(&[
        user.path("remora").to_str().expect("text"),
        "unpack",
        &image,
        "other",
        "--owners",
        "set",
    ]);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(!user.path("other").exists());
}

#[test]
fn a_bundle_says_what_the_image_says_and_the_same_each_time() {
    let user = OrdinaryUser::new(true);
    let image = put(&user, "");
    user.remora(&["bundle", &image, "app"]);
    let first = fs::read(user.path("app/config.json")).expect("there");
    let config = config(&user);
    assert_eq!(config["process"]["args"][0], "/bin/busybox");
    assert_eq!(config["process"]["user"], json!({ "uid": 0, "gid": 0 }));
    assert_eq!(config["annotations"]["a"], "b");
    assert_eq!(config["annotations"]["org.opencontainers.image.stopSignal"], "SIGINT");
    let mode = |name: &str| fs::metadata(user.path(name)).expect("there").permissions().mode();
    assert_eq!((mode("app") & 0o7777, mode("app/config.json") & 0o7777), (0o700, 0o644));
    user.succeed(&["mv", "app", "before"]);
    user.remora(&["bundle", &image, "app"]);
    assert_eq!(fs::read(user.path("app/config.json")).expect("there"), first);
}
