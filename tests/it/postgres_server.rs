//! A PostgreSQL server of the tests' own, for as long as their process lives. Tests of the library use it
//! too, each with a database of its own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long the server may take to start.
const START_TRIES: u32 = 600;
const START_PAUSE: Duration = Duration::from_millis(50);

/// Where PostgreSQL looks for what it shows.
const CERTIFICATE: &str = "server.crt";
const KEY: &str = "server.key";

/// The password of the one user.
const PASSWORD: &str = "hush-5432";

/// Starts the server, and ends it when nobody holds the other end of the standard input: when the tests'
/// process ends, however that comes about. `$0` is the folder of programs, `$1` that of the data.
const LIFE: &str = "\
    \"$0\"/postgres -D \"$1\" >\"${1%/data}/log\" 2>&1 & server=$!; \
    read -r _; kill -QUIT $server 2>/dev/null; wait $server; rm -rf \"${1%/data}\" 2>/dev/null";

/// A running server with its data in a folder of its own.
struct Cluster {
    port: u16,
    programs: PathBuf,
    /// The shell that ends the server; its standard input stays open.
    #[expect(dead_code, reason = "it ends with the tests")]
    life: Child,
    folder: tempfile::TempDir,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of an empty database.
pub(crate) fn new_database() -> String {
    let cluster = CLUSTER.get_or_init(Cluster::start);
    let name = format!("deltas{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let address =
        |name: &str| format!("postgres://remora:{PASSWORD}@127.0.0.1:{}/{name}", cluster.port);
    sql(&address("postgres"), &format!("CREATE DATABASE {name}"));
    address(&name)
}

/// The certificate that it shows to whoever wants TLS, and that it is signed by.
pub(crate) fn certificate() -> PathBuf {
    CLUSTER.get_or_init(Cluster::start).folder.path().join("data").join(CERTIFICATE)
}

/// Carries a statement out with psql, and gives what it answers.
pub(crate) fn sql(address: &str, statement: &str) -> String {
    let answer = try_sql(address, statement);
    answer.unwrap_or_else(|errors| panic!("{statement}: {errors}"))
}

/// The same of a statement that may fail.
pub(crate) fn try_sql(address: &str, statement: &str) -> Result<String, String> {
    let mut command = Command::new(programs().join("psql"));
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", statement]);
    let output = command.output().expect("psql starts");
    let text = |bytes| String::from_utf8(bytes).expect("text").trim().to_owned();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

/// A server that a test has for itself, and may stop and start.
pub(crate) struct OwnPostgres {
    cluster: Cluster,
    /// Their ends end the servers that were started again.
    lives: Vec<Child>,
}

impl OwnPostgres {
    /// A running server, whose data are below `folder`.
    pub(crate) fn start_in(folder: &Path) -> Self {
        let new_folder = || tempfile::tempdir_in(folder).expect("a folder");
        OwnPostgres { cluster: Cluster::start_in(new_folder), lives: Vec::new() }
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.cluster.port
    }

    /// The address of its one database, reached through this port.
    pub(crate) fn address_through(&self, port: u16) -> String {
        format!("postgres://remora:{PASSWORD}@127.0.0.1:{port}/postgres")
    }

    /// Ends it: `fast` in order, `immediate` as a crash does.
    pub(crate) fn stop(&self, mode: &str) {
        let mut stop = as_user(self.cluster.programs.join("pg_ctl"), unprivileged());
        stop.args(["-m", mode, "-w", "-t", "60", "stop", "-D"]).arg(self.data());
        assert!(stop.output().expect("pg_ctl starts").status.success(), "it does not stop");
    }

    /// Whether it runs.
    pub(crate) fn runs(&self) -> bool {
        let mut status = as_user(self.cluster.programs.join("pg_ctl"), unprivileged());
        status.arg("status").arg("-D").arg(self.data());
        status.output().expect("pg_ctl starts").status.success()
    }

    /// Starts it again, on the same port.
    pub(crate) fn start_again(&mut self) {
        let Cluster { programs, port, .. } = &self.cluster;
        let life = run(programs, unprivileged(), &self.data(), *port);
        self.lives.push(life.expect("PostgreSQL starts again"));
    }

    /// Another server with a copy of the data, which goes on copying and takes no writes.
    pub(crate) fn standby_in(&self, folder: &Path) -> Self {
        let (programs, user, port) = (self.cluster.programs.clone(), unprivileged(), free_port());
        let folder = tempfile::tempdir_in(folder).expect("a folder");
        make_accessible(folder.path(), user);
        let data = folder.path().join("data");
        let mut copy = as_user(programs.join("pg_basebackup"), user);
        copy.args(["-R", "-X", "stream", "-c", "fast", "-d", &self.address_through(self.port())]);
        copy.arg("-D").arg(&data).env("PGAPPNAME", "standby");
        let output = copy.output().expect("pg_basebackup starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let life = run(&programs, user, &data, port).expect("the standby starts");
        OwnPostgres { cluster: Cluster { port, programs, life, folder }, lives: Vec::new() }
    }

    /// From now on it takes writes, as the server that it was the copy of did.
    pub(crate) fn promote(&self) {
        let mut promote = as_user(self.cluster.programs.join("pg_ctl"), unprivileged());
        promote.args(["-w", "promote", "-D"]).arg(self.data());
        assert!(promote.output().expect("pg_ctl starts").status.success(), "not promoted");
    }

    fn data(&self) -> PathBuf {
        self.cluster.folder.path().join("data")
    }
}

fn make_accessible(folder: &Path, user: Option<(u32, u32)>) {
    // PostgreSQL runs as no root: its user has to get at the folder.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).expect("set");
    if let Some((user, group)) = user {
        chown(folder, Some(user), Some(group)).expect("root may");
    }
}

impl Cluster {
    fn start() -> Self {
        Self::start_in(|| tempfile::tempdir().expect("a folder"))
    }

    fn start_in(new_folder: impl Fn() -> tempfile::TempDir) -> Self {
        // Somebody else may take the port between choosing and using it.
        for _ in 0..5 {
            if let Some(cluster) = Self::try_start(new_folder()) {
                return cluster;
            }
        }
        panic!("PostgreSQL does not start");
    }

    fn try_start(folder: tempfile::TempDir) -> Option<Self> {
        let (programs, user, port) = (programs(), unprivileged(), free_port());
        make_accessible(folder.path(), user);
        let (data, password) = (folder.path().join("data"), folder.path().join("password"));
        fs::create_dir(&data).expect("created");
        fs::write(&password, PASSWORD).expect("written");
        if let Some((user, group)) = user {
            for path in [&*data, &*password] {
                chown(path, Some(user), Some(group)).expect("root may");
            }
        }
        initialise(&programs, user, &data, &password);
        certify(&data, user);
        let life = run(&programs, user, &data, port)?;
        Some(Cluster { port, programs, life, folder })
    }
}

/// The folder of PostgreSQL's programs, which Debian puts into no PATH.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = folders.chain(std::env::split_paths(&path)).collect();
    let found = folders.iter().find(|folder| folder.join("initdb").exists());
    found.expect("initdb is missing: apt-get install postgresql").clone()
}

/// The user and group that the server runs as if the tests run as root: it refuses root.
fn unprivileged() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").expect("Linux").uid() == 0;
    let users = fs::read_to_string("/etc/passwd").expect("readable");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let field = |place: usize| line?.split(':').nth(place)?.parse().ok();
    let user = || Some((field(2)?, field(3)?));
    is_root.then(|| user().expect("there is no user postgres: apt-get install postgresql"))
}

fn as_user(program: PathBuf, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command.current_dir("/").env("LC_ALL", "C.UTF-8");
    command
}

fn initialise(programs: &Path, user: Option<(u32, u32)>, data: &Path, password: &Path) {
    let mut command = as_user(programs.join("initdb"), user);
    command.args(["--no-sync", "-U", "remora", "-A", "scram-sha-256", "-E", "UTF8", "--pwfile"]);
    command.arg(password).arg("-D").arg(data);
    let output = command.output().expect("initdb starts");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    // What a test writes needs to survive no power cut.
    let settings = "\nfsync = off\nmax_connections = 200\nlisten_addresses = '127.0.0.1'\n\
                    unix_socket_directories = ''\nssl = on\n";
    let path = data.join("postgresql.conf");
    let before = fs::read_to_string(&path).expect("readable");
    fs::write(&path, before + settings).expect("written");
}

/// Lets it speak TLS too.
fn certify(data: &Path, user: Option<(u32, u32)>) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let rcgen::CertifiedKey { cert, signing_key } = signed.expect("a key pair");
    for (name, content) in [(CERTIFICATE, cert.pem()), (KEY, signing_key.serialize_pem())] {
        let path = data.join(name);
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        if let Some((user, group)) = user {
            chown(&path, Some(user), Some(group)).expect("root may");
        }
    }
}

/// Starts the server on a port; `None` if it ends instead.
fn run(programs: &Path, user: Option<(u32, u32)>, data: &Path, port: u16) -> Option<Child> {
    let mut command = as_user("/bin/sh".into(), user);
    command.arg("-c").arg(LIFE.replace("-D", &format!("-p {port} -D")));
    command.arg(programs).arg(data).stdin(Stdio::piped());
    // A signal for the tests is none for the server: it ends with them, and after what they still do.
    command.process_group(0);
    let mut life = command.spawn().expect("a shell");
    for _ in 0..START_TRIES {
        let ready = Command::new(programs.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
            .status();
        if ready.expect("pg_isready starts").success() {
            return Some(life);
        }
        let log = fs::read_to_string(data.join("../log")).unwrap_or_default();
        if log.contains("could not bind") {
            break;
        }
        std::thread::sleep(START_PAUSE);
    }
    drop(life.stdin.take());
    let _ = life.wait();
    None
}

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
