//! A server whose PostgreSQL is restarted, crashes, fails over, gets full, gets slow or can't be reached.
//!
//! Each case has the same course. One delta is ready and one is being built when the trouble begins. While
//! it lasts, whoever asks for the ready one gets it, and everybody else is told to ask again. When it is
//! over, whatever was asked for gets ready, each pair is published once, and every delta applies.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::{SIZE, ask_on, assert_applies, usual_name};
use crate::installation::{BUILDER_TOKEN, Fault, Installation, Pair, Pushed, ServerProcess};
use crate::postgres_server::{OwnPostgres, sql, try_sql};
use crate::tcp_proxy::{TcpProxy, Way};

const SETTINGS: [(&str, &str); 2] = [("REMORA_LONG_POLL", "2s"), ("REMORA_RATE_LIMIT", "0")];

/// The room of a database that is to get full.
const SMALL_DISK: &str = "size=150m";

struct Scene {
    installation: Installation,
    postgres: OwnPostgres,
    way: TcpProxy,
    /// Ready, being built, and asked for while there is trouble.
    pairs: [(Pushed, Pushed); 3],
    token: String,
    disk: Disk,
}

/// A folder for databases, which may be a small file system of its own.
struct Disk(tempfile::TempDir, bool);

impl Disk {
    fn new(is_small: bool) -> Self {
        let disk = Disk(tempfile::tempdir().expect("a folder"), is_small);
        if is_small {
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", SMALL_DISK, "tmpfs"]).arg(disk.0.path());
            assert!(mount.status().expect("mount starts").success(), "no tmpfs: run as root");
        }
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(disk.0.path(), open).expect("set");
        disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.1 {
            let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        }
    }
}

impl Scene {
    fn new(is_small: bool) -> Self {
        let installation = Installation::new();
        let pairs = [0, 1, 2]
            .map(|number| installation.push_pair(number, &Pair::similar(number as u64 + 1, SIZE)));
        let repositories = pairs.iter().flat_map(|(base, target)| [base, target]);
        let repositories: Vec<&str> = repositories.map(|it| &*it.repository).collect();
        let token = installation.token(&repositories);
        let disk = Disk::new(is_small);
        let postgres = OwnPostgres::start_in(disk.0.path());
        let way = TcpProxy::to(postgres.port());
        Scene { installation, postgres, way, pairs, token, disk }
    }

    fn start(&self, name: &str) -> ServerProcess {
        let data = self.installation.path(name).display().to_string();
        let database = self.postgres.address_through(self.way.port());
        let shared = [("REMORA_DATA", &*data), ("REMORA_DATABASE", &*database)];
        self.installation.serve(&[&shared[..], &SETTINGS].concat())
    }

    fn ask(&self, server: &ServerProcess, number: usize) -> u16 {
        let (base, target) = &self.pairs[number];
        server.delta(3, &base.reference, &target.reference, &self.token).status
    }

    fn assert_ready(&self, server: &ServerProcess, number: usize) {
        let (base, target) = &self.pairs[number];
        let answer = ask_on(server, 3, (base, target), &self.token);
        let name = answer.name();
        assert_eq!(name, usual_name(&self.installation, base, target));
        assert_applies(&self.installation, &name, base, target);
    }

    /// What takes all room of the database's disk.
    fn filler(&self) -> PathBuf {
        self.disk.0.path().join("filler")
    }

    fn publications(&self, number: usize) -> usize {
        let (base, target) = &self.pairs[number];
        let name = usual_name(&self.installation, base, target);
        let (_, tag) = name.rsplit_once(':').expect("a tag");
        self.installation.proxy.count(&format!("PUT /v2/{}/manifests/{tag}", target.repository))
    }

    /// One delta is ready, and another is being built.
    fn prepare(&self, server: &ServerProcess) {
        self.assert_ready(server, 0);
        self.installation.proxy.set(Fault::HoldLayers);
        assert_eq!(self.ask(server, 1), 504);
        while !server.log().contains("job queued") || self.running(server) == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn running(&self, server: &ServerProcess) -> u32 {
        let text = server.ask("GET", "/metrics", &[]).text();
        let line = text.lines().find_map(|line| line.strip_prefix("remora_running "));
        line.and_then(|number| number.parse().ok()).expect("a number")
    }

    /// What holds while there is trouble.
    fn assert_away(&self, server: &ServerProcess) {
        assert_eq!(self.ask(server, 0), 200, "{}", server.log());
        assert_eq!(self.ask(server, 2), 504, "{}", server.log());
        self.installation.proxy.set(Fault::None);
        // The build ends, and nobody is told before that is written.
        assert_eq!(self.ask(server, 1), 504, "{}", server.log());
        assert_eq!(self.ask(server, 0), 200, "{}", server.log());
        assert_eq!(server.ask("GET", "/healthz", &[]).status, 200);
        let ready = server.ask("GET", "/readyz", &[]);
        assert_eq!(ready.status, 503);
        assert!(ready.text().starts_with("database: "), "{}", ready.text());
        self.assert_not_promised(server);
    }

    /// Who asks ahead of a release hears in time that nobody knows, of each pair.
    fn assert_not_promised(&self, server: &ServerProcess) {
        let (base, target) = &self.pairs[2];
        let pair = json!({ "src": base.reference, "dest": target.reference });
        let v2 = json!({ "src": base.reference, "dest": target.reference, "format": "v2" });
        let bearer = format!("Bearer {BUILDER_TOKEN}");
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        let list = json!({ "pairs": [pair, v2] }).to_string();
        let answer = server.post("/api/v3/prepare", &headers, &list);
        for pair in answer.json()["pairs"].as_array().expect("a list") {
            assert_eq!(pair["status"], "unknown", "{pair}");
            assert!(pair["reason"].as_str().is_some_and(|it| it.contains("database")), "{pair}");
        }
    }

    /// What holds when it is over.
    fn assert_over(&self, server: &ServerProcess) {
        for number in 0..self.pairs.len() {
            self.assert_ready(server, number);
            assert_eq!(self.publications(number), 1, "{number}: {}", server.log());
        }
        assert!(!server.log().contains("hush"), "{}", server.log());
    }
}

/// A case: trouble begins, and is over.
fn case(is_small: bool, begin: impl FnOnce(&mut Scene), end: impl FnOnce(&mut Scene)) {
    let mut scene = Scene::new(is_small);
    let server = scene.start("a");
    scene.prepare(&server);
    begin(&mut scene);
    scene.assert_away(&server);
    end(&mut scene);
    scene.assert_over(&server);
}

#[test]
fn a_database_that_is_stopped_and_started_loses_nothing() {
    case(false, |scene| scene.postgres.stop("fast"), |scene| scene.postgres.start_again());
}

#[test]
fn a_database_that_crashes_loses_nothing() {
    case(false, |scene| scene.postgres.stop("immediate"), |scene| scene.postgres.start_again());
}

#[test]
fn a_way_to_the_database_that_is_cut_loses_nothing() {
    case(false, |scene| scene.way.set(Way::Cut), |scene| scene.way.set(Way::Open));
}

#[test]
fn a_database_that_fails_over_to_a_standby_loses_nothing() {
    let mut scene = Scene::new(false);
    let server = scene.start("a");
    let folder = tempfile::tempdir().expect("a folder");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), open).expect("set");
    let standby = scene.postgres.standby_in(folder.path());
    let address = scene.postgres.address_through(scene.postgres.port());
    sql(&address, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    sql(&address, "SELECT pg_reload_conf()");
    while sql(&address, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "0"
    {
        std::thread::sleep(Duration::from_millis(50));
    }
    scene.prepare(&server);
    scene.postgres.stop("immediate");
    // A standby takes no writes: the server can read there, and promises nothing.
    scene.way.lead_to(standby.port());
    scene.assert_away(&server);
    standby.promote();
    sql(
        &standby.address_through(standby.port()),
        "ALTER SYSTEM SET synchronous_standby_names = ''",
    );
    sql(&standby.address_through(standby.port()), "SELECT pg_reload_conf()");
    scene.assert_over(&server);
    scene.postgres = standby;
}

#[test]
fn a_database_whose_disk_is_full_loses_nothing() {
    let begin = |scene: &mut Scene| {
        fill(&scene.filler());
        // What the database has set aside for its log is used up.
        let address = scene.postgres.address_through(scene.postgres.port());
        let log = "SELECT pg_logical_emit_message(false, 'test', repeat('x', 4000000))";
        while try_sql(&address, log).is_ok() {}
    };
    let end = |scene: &mut Scene| {
        fs::remove_file(scene.filler()).expect("removed");
        if !scene.postgres.runs() {
            scene.postgres.start_again();
        }
    };
    case(true, begin, end);
}

/// Writes until there is no room.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("created");
    while file.write_all(&[1; 4096]).is_ok() {}
}

#[test]
fn a_way_to_the_database_on_which_nothing_arrives_loses_nothing() {
    case(false, |scene| scene.way.set(Way::Held), |scene| scene.way.set(Way::Open));
}

#[test]
fn a_database_that_is_slow_is_waited_for() {
    let scene = Scene::new(false);
    let server = scene.start("a");
    scene.way.set(Way::Slow(Duration::from_millis(100)));
    scene.assert_over(&server);
}

#[test]
fn a_server_that_starts_while_the_database_is_away_answers_what_the_registry_has() {
    let mut scene = Scene::new(false);
    let mut server = scene.start("a");
    scene.assert_ready(&server, 0);
    server.terminate();
    assert!(server.wait().0.success());
    scene.postgres.stop("fast");
    let server = scene.start("a");
    for _ in 0..2 {
        assert_eq!(scene.ask(&server, 0), 200, "{}", server.log());
        assert_eq!(scene.ask(&server, 1), 504, "{}", server.log());
    }
    assert_eq!(server.ask("GET", "/readyz", &[]).status, 503);
    // Nobody is told that there are no jobs.
    for path in ["/jobs", "/delta"] {
        assert!(page(&server, path).contains("The database has not answered"), "{path}");
    }
    scene.postgres.start_again();
    scene.assert_over(&server);
    assert!(!page(&server, "/jobs").contains("The database"));
}

/// A page as whoever has the builder credential sees it.
fn page(server: &ServerProcess, path: &str) -> String {
    let kind = "application/x-www-form-urlencoded";
    let headers = [("Content-Type", kind), ("Sec-Fetch-Site", "same-origin")];
    let signed_in = server.post("/sign-in", &headers, &format!("credential={BUILDER_TOKEN}"));
    let cookie = signed_in.header("set-cookie").expect("a cookie");
    let cookie = cookie.split(';').next().expect("a value");
    server.ask("GET", path, &[("Cookie", cookie)]).text()
}

#[test]
fn a_server_that_is_cut_off_in_the_middle_of_a_build_does_no_harm() {
    let scene = Scene::new(false);
    let cut_off = scene.start("a");
    scene.prepare(&cut_off);
    let data = scene.installation.path("b").display().to_string();
    let database = scene.postgres.address_through(scene.postgres.port());
    let shared = [("REMORA_DATA", &*data), ("REMORA_DATABASE", &*database)];
    let other = scene.installation.serve(&[&shared[..], &SETTINGS].concat());
    scene.way.set(Way::Held);
    // The other takes the job over when the lease is out; both build now.
    while scene.running(&other) == 0 {
        assert_eq!(scene.ask(&other, 1), 504);
    }
    scene.installation.proxy.set(Fault::None);
    scene.assert_ready(&other, 1);
    assert_eq!(scene.ask(&cut_off, 0), 200, "{}", cut_off.log());
    scene.way.set(Way::Open);
    scene.assert_ready(&cut_off, 1);
    scene.assert_ready(&cut_off, 2);
    assert!((1..=2).contains(&scene.publications(1)));
}
