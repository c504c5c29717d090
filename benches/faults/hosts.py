"""Rounds of what hosts without an engine do: unpack, bundle, deploy, rollback.

The files are made by system calls that no preloaded library sees: strace fails the n-th of a kind, or kills the
process there. A registry from memory cuts its answers off. After each round it must be true that

  - `current` leads to a complete deployment, the old one or the new one, and every other that has a record is complete
    too: names, kinds, modes, times, links, owners that are recorded, contents;
  - the folder that is unpacked into is not there or complete;
  - the next run succeeds; if the image was in the store whole, not a byte of a layer is fetched again;
  - nothing half-done is left beside the results, among the deployments, or in the store after `store gc`; no container
    of a check is left running.
"""

import hashlib, json, os, re, shutil, signal, stat, subprocess, time

import host_images
from promise import Broken

ACTIONS = ["unpack", "bundle", "deploy", "rollback"]
FAULTS = ["signal"] * 5 + ["call"] * 4 + ["killed call"] * 2 + ["cut"]
SIGNALS = [signal.SIGKILL] * 4 + [signal.SIGTERM, signal.SIGHUP]
# What changes anything on disk.
CALLS = (
    "openat,openat2,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,write,pwrite64,writev,copy_file_range,"
    "fsync,fdatasync,syncfs,ftruncate,fallocate,fchmod,fchmodat,chmod,fchown,fchownat,utimensat,fsetxattr,lsetxattr,setxattr,flock,statfs,getdents64"
)
# What may be in the folder of a name, and of a deployment, when all is done.
IN_SITE, IN_DEPLOYMENT = {"current", "lock", "containers"}, {"bundle", "deployment.json"}
# A check that is still running when a round ends, unless somebody ends it.
CHECK_SECONDS = 30


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree(top):
    """All that is in a folder, as a value that is equal for equal trees."""
    found, links = {}, {}
    for folder, folders, files in os.walk(top):
        for name in ["."] * (folder == top) + folders + files:
            path = os.path.join(folder, name)
            about = os.lstat(path)
            # The bundle and its configuration are made now; all else has the image's times.
            own = name == "." or path == os.path.join(top, "config.json")
            content = os.readlink(path) if stat.S_ISLNK(about.st_mode) else sha256(path) if stat.S_ISREG(about.st_mode) else ""
            known = [] if stat.S_ISLNK(about.st_mode) else sorted(os.listxattr(path))
            recorded = [(key, os.getxattr(path, key)) for key in known]
            found[os.path.relpath(path, top)] = (about.st_mode, about.st_uid, about.st_gid, 0 if own else about.st_mtime_ns, content, recorded)
            if not stat.S_ISDIR(about.st_mode):
                links.setdefault(about.st_ino, []).append(os.path.relpath(path, top))
    return found, sorted(sorted(names) for names in links.values())


def different(got, expected):
    """The first names in which two trees differ."""
    names = sorted(set(got[0]) | set(expected[0]))
    return [(name, got[0].get(name), expected[0].get(name)) for name in names if got[0].get(name) != expected[0].get(name)] or [f"links {[names for names in got[1] if names not in expected[1]][:3]}"]


class Hosts:
    def __init__(self, campaign):
        self.campaign, self.random = campaign, campaign.random
        self.strace = shutil.which("strace")
        if not self.strace:
            print("strace is missing: no failed calls for unpack, bundle, deploy, rollback (apt-get install strace)")
        self.runtime = shutil.which("runc", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.checks = bool(self.runtime) and os.path.exists(host_images.BUSYBOX)
        if not self.checks:
            print("runc or busybox is missing: no checks of deployments (apt-get install runc busybox-static)")
        self.owners = ["auto", "record"]
        self.site, self.out = self.path("deployments", "app"), self.path("unpacked")
        # What is looked for among all processes: part of the check's command.
        self.token = os.path.basename(campaign.folder)
        self.prepare()

    def path(self, *names):
        return self.campaign.path(*names)

    def prepare(self):
        """The images, the delta between them, the trees they make, how long each action takes and what it calls."""
        host_images.write_layout(self.path("hosts"))
        self.registry = host_images.Registry()
        self.registry.add_layout(self.path("hosts"))
        self.must(["create", "oci:hosts:1", "oci:hosts:2", "-o", "oci:hosts-delta:1-2", "-q"])
        self.registry.add_layout(self.path("hosts-delta"), "delta-")
        self.ids, self.expected, self.seconds, self.calls = {}, {}, {}, {}
        for version in (1, 2):
            for owners in self.owners:
                for action in ("unpack", "bundle"):
                    self.clear(self.out)
                    self.must(self.command(action, version, owners))
                    self.expected[action, version, owners] = tree(self.path("unpacked", "dir"))
            self.clear(self.path("store"))
        # What a deployment has is the same whether its files were made or are shared with another one.
        for version in (1, 2):
            for owners in self.owners:
                self.reset()
                self.must(self.command("deploy", version, owners))
                self.expected["deploy", version, owners] = tree(os.path.join(self.site, "1", "bundle"))
        for action in ACTIONS:
            self.measure(action)
        self.reset()

    def measure(self, action):
        self.reset()
        self.deploy(1)
        if action == "rollback":
            self.deploy(2)
        begun = time.monotonic()
        self.must(self.command(action, 2, "auto", back=1))
        self.seconds[action] = time.monotonic() - begun
        if not self.strace:
            return
        self.reset()
        self.deploy(1)
        if action == "rollback":
            self.deploy(2)
        record = self.path("calls")
        code, said = self.campaign.run([self.strace, "-f", "-y", "-s", "300", "-o", record, "-e", f"trace={CALLS}", *self.command(action, 2, "auto", back=1)])
        if code != 0:
            raise SystemExit(f"strace does not work: {said}")
        self.calls[action] = self.of_folder(record)

    def of_folder(self, record):
        """The calls on what is in our folder: kinds, and which of its kind in its thread each is."""
        counts, found = {}, []
        with open(record) as file:
            for line in file:
                call = re.match(r"(\d+) +(\w+)\(", line)
                if call:
                    counts[call[1], call[2]] = counts.get((call[1], call[2]), 0) + 1
                    if self.campaign.folder in line:
                        found.append((call[2], counts[call[1], call[2]]))
        by_kind = {}
        for kind, number in found:
            by_kind.setdefault(kind, []).append(number)
        return by_kind

    def image(self, version):
        return f"127.0.0.1:{self.registry.port}/app:{version}"

    def command(self, action, version, owners, back=None, check=False):
        to = self.path("unpacked", "dir")
        checked = ["--check", f"sleep {CHECK_SECONDS if check == 'long' else 0}; : {self.token}"] if check else []
        return [self.campaign.remora] + {
            "unpack": ["unpack", self.image(version), to, "--owners", owners, "-q"],
            "bundle": ["bundle", self.image(version), to, "--owners", owners, "-q"],
            "deploy": ["deploy", "app", self.image(version), "--again", "--deployments", self.path("deployments"), "--owners", owners, "-q", *checked],
            "rollback": ["rollback", "app", "--to", str(back), "--deployments", self.path("deployments"), "-q"],
        }[action]

    def must(self, command):
        command = command if command[0] == self.campaign.remora else [self.campaign.remora, *command]
        code, said = self.campaign.run(command)
        if code != 0:
            raise Broken(f"the next run fails with {code}: {said}")

    def deploy(self, version):
        self.must(self.command("deploy", version, "auto"))

    def clear(self, path):
        """Removes a folder, whoever the files in it belong to."""
        shutil.rmtree(path, ignore_errors=True)
        if os.path.exists(path):
            subprocess.run(["unshare", "--map-root-user", "--map-auto", "rm", "-rf", path], check=True)

    def reset(self):
        for name in ("unpacked", "deployments", "store"):
            self.clear(self.path(name))

    def current(self):
        """The number and the version of the current deployment."""
        if not os.path.islink(os.path.join(self.site, "current")):
            return None, None
        number = os.readlink(os.path.join(self.site, "current"))
        return number, self.version(number)

    def version(self, number):
        """The version that a deployment's record says it is; None if it has none."""
        path = os.path.join(self.site, number, "deployment.json")
        if not os.path.exists(path):
            return None
        with open(path) as file:
            return int(json.load(file)["image"].rsplit(":", 1)[1])

    def numbers(self):
        found = os.listdir(self.site) if os.path.isdir(self.site) else []
        return [name for name in found if name.isdigit()]

    def round(self, action):
        fault = self.random.choice(FAULTS)
        if fault == "cut" and action == "rollback" or "call" in fault and not self.strace:
            fault = "signal"
        owners, check = self.random.choice(self.owners), False
        # A missing target is its folder, too.
        self.clear(self.out)
        if self.random.random() < 0.1:
            self.clear(self.site)
        if self.random.random() < 0.5:
            self.clear(self.path("store"))
        version, back = self.surroundings(action)
        if action == "deploy" and fault == "signal" and self.checks and self.random.random() < 0.4:
            check = self.random.choice(["short", "long"])
        command, environment, kill, what = self.arm(fault, action, version, owners, back, check)
        self.campaign.now = f"{action} of {version} ({owners}, check {check}), {what}"
        before = self.current()
        code, said = self.campaign.run(command, environment, kill)
        self.registry.cuts = 0
        self.count(fault, code)
        self.judge(code, said)
        self.check(action, version, before, must=code == 0)
        if check and kill[0] != signal.SIGKILL:
            self.check_processes()
        self.next_run(action, version, owners, back)
        self.check(action, version, before, must=True)
        self.age_partials()
        self.campaign.run([self.campaign.remora, "store", "gc", "-q"])
        self.check_leftovers(action)

    def age_partials(self):
        """Lets two days pass for parts of blobs: collection takes those that nobody added to for one."""
        folder = self.path("store", "partial")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = os.path.join(folder, name)
            os.utime(path, (os.stat(path).st_mtime - 2 * 86400,) * 2)

    def surroundings(self, action):
        """What must be there before. Returns the version that is to come, and the number to go back to."""
        if action == "rollback":
            self.deploy(1)
            self.deploy(2)
            current, version = self.current()
            others = [number for number in self.numbers() if number != current]
            back = self.random.choice(others)
            return self.version(back), back
        if action == "deploy":
            return 2 if self.current()[1] == 1 else 1, None
        return self.random.choice([1, 2]), None

    def arm(self, fault, action, version, owners, back, check):
        command = self.command(action, version, owners, back, check)
        if fault == "signal":
            chosen = self.random.choice(SIGNALS)
            span = self.seconds[action] * (1.2 if check else 1) + (0.5 if check == "long" else 0)
            if check == "long":
                # Most often while the check runs.
                return command, {}, (chosen, span * self.random.uniform(0.3, 1)), f"{chosen.name} during a check"
            after = self.random.random() * span
            return command, {}, (chosen, after), f"{chosen.name} after {after:.4f} s"
        if fault == "cut":
            at, times = self.random.randrange(60_000), self.random.choice([1, 3, 1000])
            self.clear(self.path("store"))
            self.registry.cut(at, times)
            return command, {}, None, f"{times} answers cut from byte {at} on"
        kind = self.random.choice(sorted(self.calls[action]))
        number = self.random.choice(self.calls[action][kind])
        # No space for an attribute says, too, that its value is too long: it is left out then, and counted.
        errors = ["EIO"] if kind.endswith("setxattr") else ["EIO", "ENOSPC"]
        how = "signal=KILL" if fault == "killed call" else f"error={self.random.choice(errors)}"
        traced = [self.strace, "-f", "-qq", "-o", self.path("calls"), "-e", f"trace={kind}", "-e", f"inject={kind}:{how}:when={number}"]
        return traced + command, {}, None, f"{how} at {kind} {number}"

    def count(self, fault, code):
        kind = {"signal": "kills", "killed call": "kills", "call": "failed calls", "cut": "cut connections"}[fault]
        self.campaign.counts[f"{self.campaign.now.split(' ', 1)[0]}: {kind}"] += 1
        self.campaign.counts[f"exit {code}"] += 1

    def judge(self, code, said):
        # A library that cannot be loaded is no work of ours.
        loader = code == 127 and "loading shared libraries" in said
        # Nor is the event counter by which Tokio wakes a thread: a write to it does not fail.
        if loader or "failed to wake I/O driver" in said:
            return
        if code not in self.campaign.in_order or "panicked" in said:
            raise Broken(f"exit {code}: {said}")

    def check(self, action, version, before, must):
        if action in ("unpack", "bundle"):
            self.check_folder(action, version, must)
        current, is_version = self.current()
        for number in self.numbers():
            if self.version(number) is not None:
                self.check_deployment(number)
        if current is None and before[0] is not None:
            raise Broken("nothing is current any more")
        if current is not None and is_version is None:
            raise Broken(f"current leads to {current}, which has no record")
        if action in ("deploy", "rollback"):
            if must and is_version != version:
                raise Broken(f"version {is_version} is current, not {version}")
            if not must and is_version not in (before[1], version):
                raise Broken(f"version {is_version} is current, neither {before[1]} nor {version}")
        elif (current, is_version) != before:
            raise Broken("another deployment is current")

    def check_folder(self, action, version, must):
        folder = self.path("unpacked", "dir")
        if os.path.exists(folder):
            self.compare(folder, action, version)
        elif must:
            raise Broken("nothing was unpacked")

    def check_deployment(self, number):
        self.compare(os.path.join(self.site, number, "bundle"), "deploy", self.version(number))

    def compare(self, folder, action, version):
        got = tree(folder)
        right = [self.expected[action, version, owners] for owners in self.owners]
        if got not in right:
            nearest = min((different(got, one) for one in right), key=len)
            raise Broken(f"{folder} is not complete: {nearest[:3]}")

    def next_run(self, action, version, owners, back):
        kept = self.is_kept(version)
        bytes_before = self.registry.blob_bytes
        if action in ("unpack", "bundle"):
            if not os.path.exists(self.path("unpacked", "dir")):
                self.must(self.command(action, version, owners))
        else:
            self.must(self.command(action, version, owners, back))
        self.must(["store", "verify", "-q"])
        fetched = self.registry.blob_bytes - bytes_before
        if kept and fetched:
            raise Broken(f"{fetched} bytes were fetched again")

    def is_kept(self, version):
        code, said = self.campaign.run([self.campaign.remora, "images", "--json"])
        answer = json.loads(said)
        if code or answer["troubles"]:
            raise Broken(f"the images can't be listed: {said}")
        return any(image["name"] == self.image(version) and image["whole"] for image in answer["images"])

    def check_leftovers(self, action):
        if os.path.isdir(self.out) and os.listdir(self.out) != ["dir"]:
            raise Broken(f"left beside the folder: {os.listdir(self.out)}")
        if action == "deploy":
            self.check_site()
        self.campaign.check_leftovers()
        self.check_processes()

    def check_site(self):
        names = set(os.listdir(self.site)) - IN_SITE
        inside = {name: set(os.listdir(os.path.join(self.site, name))) for name in names if name.isdigit()}
        if names != set(inside) or any(found != IN_DEPLOYMENT for found in inside.values()) or len(inside) > 2:
            raise Broken(f"left among the deployments: {names - set(inside)} {inside}")
        containers = os.path.join(self.site, "containers")
        if os.path.isdir(containers) and os.listdir(containers) or os.listdir(self.path("deployments")) != ["app"]:
            raise Broken("left among the deployments: containers or names")

    def check_processes(self):
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{process}/cmdline") as file:
                    said = file.read()
            except OSError:
                continue
            if f": {self.token}" in said:
                os.kill(int(process), signal.SIGKILL)
                raise Broken(f"a check still runs: {said!r}")
