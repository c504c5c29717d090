#!/usr/bin/env python3
"""Kills, write errors, power cuts and flipped bits, thousands of them, while Remora works.

    benches/faults/run.py [--remora PROGRAM] [--rounds N] [--seed N] [--only ACTIONS] [--folder DIR]

Each round begins an action (create a v3 or v2 delta, apply it, collect or verify the store, push to a
registry on loopback, pull from there by a delta, take a name away; unpack, bundle, deploy, go back, see hosts.py) and has something happen to it at a random moment: SIGKILL, SIGTERM or SIGHUP
after a random time; or the n-th call that writes fails, or all from the n-th on, or the process is
killed in place of the n-th call, or the power fails there (shim.c, compiled by this script with cc); or
a bit of a stored layer, a blob or a delta is flipped before. After each round it must be true that

  - the exit code is that of success, of the surroundings or of the content, and nobody panicked;
  - the output is what it was, or absent, or whole and the same as without a fault; after success whole;
  - every layer in the store hashes to its name, and no image has a name there without its layers;
  - the same action without a fault succeeds, and its output is right;
  - after `store gc` nothing half-done is in the store, and no temporary file beside the output.

Needs cc; pushes and pulls need docker-registry, failed calls of unpack, bundle, deploy and rollback strace, their checks
runc and busybox: these are left out, with a line that says so, where there is none. Runs as root or as any user.
Prints each broken promise as it is found and the counts in the end; exits with 1 if one was broken.
"""

import argparse, collections, hashlib, json, os, random, shutil, signal, socket, subprocess, sys, tempfile, time
import urllib.request

import hosts
from promise import Broken

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ERRNOS = {5: "EIO", 28: "ENOSPC"}
# Exit codes that are in order when something was made to fail: success in spite of it, the
# surroundings, the content, killed.
IN_ORDER = {0, 3, 4, 129, 130, 143, 137, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP}
FAULTS = ["signal"] * 4 + ["error"] * 4 + ["all"] * 2 + ["kill"] * 3 + ["power", "power-names", "flip"]
ACTIONS = ["v3", "v3", "v2", "apply", "archive", "gc", "verify", "push", "pull", "pull", "rmi"] + hosts.ACTIONS
# Actions that take a registry.
REMOTE = ["push", "pull", "rmi"]


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Campaign:
    def __init__(self, options, folder):
        self.remora, self.folder = os.path.abspath(options.remora), folder
        self.random = random.Random(options.seed)
        self.actions = options.only.split(",") if options.only else ACTIONS
        self.flipped = False
        self.counts = collections.Counter()
        self.shim = os.path.join(folder, "shim.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.shim, os.path.join(HERE, "shim.c"), "-ldl", "-lpthread"], check=True)
        self.in_order = IN_ORDER
        self.registry = self.start_registry()
        shutil.copytree(os.path.join(ROOT, "fixtures", "thermostat"), self.path("images"), symlinks=False)
        self.images = self.snapshot("images")
        self.prepare()
        self.hosts = hosts.Hosts(self) if set(self.actions) & set(hosts.ACTIONS) else None

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def start_registry(self):
        program = shutil.which("docker-registry")
        if not program:
            print("docker-registry is missing: no pushes and pulls (apt-get install docker-registry)")
            return None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = self.path("registry.yml")
        with open(config, "w") as file:
            file.write(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {self.path('registry')}}}, delete: {{enabled: true}}}}\nhttp: {{addr: '127.0.0.1:{self.port}'}}\n")
        process = subprocess.Popen([program, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/", timeout=1)
                return process
            except OSError:
                time.sleep(0.05)
        raise SystemExit("docker-registry does not start")

    def command(self, action):
        old, new = "oci:images:1.0", "oci:images:1.1"
        return [self.remora] + {
            "v3": ["create", old, new, "-o", "oci:out:delta", "-q", "--effort", "1"],
            "v2": ["create", old, new, "-o", "out/delta", "-q", "--format", "v2"],
            "apply": ["apply", old, "oci:given:delta", "-o", "oci:out:image", "-q"],
            "archive": ["apply", old, "oci:given:delta", "-o", "docker-archive:out/image.tar", "-q"],
            "gc": ["store", "gc", "--max-size", str(self.random.choice([0, 100_000, 400_000])), "-q"],
            "verify": ["store", "verify", "-q"],
            "push": ["create", old, new, "-o", self.named("app:delta"), "-q"],
            "base": ["pull", self.named("hosts:1.0"), "-q"],
            "pull": ["pull", self.named("hosts:1.1"), "-q"],
            "rmi": ["rmi", self.named("hosts:1.1"), "-q"],
        }[action]

    def named(self, image):
        return f"127.0.0.1:{getattr(self, 'port', 0)}/{image}"

    def fill_registry(self):
        """Both images and the delta between them, which refers to the second."""
        for tag in ["1.0", "1.1"]:
            given = ["create", "oci:images:1.0", "oci:images:1.1", "-o", self.named("hosts:delta"), "-q", "--manifest", "oci"]
            pushed = ["pull", f"oci:images:{tag}", "--to", self.named(f"hosts:{tag}"), "-q"]
            for command in [pushed] + [given] * (tag == "1.1"):
                code, said = self.run([self.remora, *command])
                if code != 0:
                    raise SystemExit(f"the registry can't be filled: {said}")

    def before(self, action):
        """What a host has before it pulls, or before a name is taken away."""
        if action in ("pull", "rmi"):
            self.succeed("base")
        if action == "rmi":
            self.succeed("pull")
        elif action == "pull" and self.random.random() < 0.7:
            self.run(self.command("rmi"))

    def run(self, command, environment=None, kill=None):
        """Returns exit code and what was said. `kill`: a signal and the seconds until then."""
        env = {"PATH": os.environ["PATH"], "HOME": self.folder, "REMORA_STORE": self.path("store")}
        process = subprocess.Popen(command, cwd=self.folder, env=env | (environment or {}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if kill:
            time.sleep(kill[1])
            process.send_signal(kill[0])
        try:
            said = process.communicate(timeout=60)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Broken(f"it hangs: {command}") from None
        return process.returncode, said

    def prepare(self):
        """The right outputs, made without a fault, and how long and how many calls each action takes."""
        self.expected, self.seconds, self.calls = {}, {}, {}
        os.mkdir(self.path("out"))
        self.succeed("v3")
        os.rename(self.path("out"), self.path("given"))
        self.given = self.snapshot("given")
        if self.registry:
            self.fill_registry()
        for action in ["v3", "v2", "apply", "archive", "gc", "verify"] + REMOTE * bool(self.registry):
            self.clear_output()
            shutil.rmtree(self.path("store"), ignore_errors=True)
            self.before(action)
            count = self.path("count")
            begun = time.monotonic()
            self.succeed(action, {"LD_PRELOAD": self.shim, "FAULT_PATH": self.folder, "FAULT_COUNT": count})
            self.seconds[action] = time.monotonic() - begun
            with open(count) as file:
                self.calls[action] = int(file.read())
            self.expected[action] = self.output(action)
        self.clear_output()
        shutil.rmtree(self.path("store"), ignore_errors=True)

    def succeed(self, action, environment=None):
        code, said = self.run(self.command(action), environment)
        if code == 4 and action == "verify":
            code, said = self.run(self.command(action), environment)
        if code == 3 and action == "rmi" and "no image is kept" in said:
            code = 0
        if code != 0:
            raise Broken(f"the next run fails with {code}: {said}")

    def snapshot(self, name):
        found = {}
        for folder, _, files in os.walk(self.path(name)):
            for file in files:
                path = os.path.join(folder, file)
                found[os.path.relpath(path, self.folder)] = sha256(path)
        return found

    def clear_output(self):
        shutil.rmtree(self.path("out"), ignore_errors=True)
        os.mkdir(self.path("out"))

    def output(self, action):
        """What is published; a layout's blobs are read. None if nothing is there."""
        if action in ("gc", "verify"):
            return None
        if action in ("pull", "rmi"):
            return self.kept("hosts:1.1")
        if action == "push":
            request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v2/app/manifests/delta", headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"})
            try:
                manifest = urllib.request.urlopen(request, timeout=10).read()
            except urllib.error.HTTPError:
                return None
            for blob in [json.loads(manifest)["config"], *json.loads(manifest)["layers"]]:
                url = f"http://127.0.0.1:{self.port}/v2/app/blobs/{blob['digest']}"
                body = urllib.request.urlopen(url, timeout=10).read()
                if "sha256:" + hashlib.sha256(body).hexdigest() != blob["digest"]:
                    raise Broken(f"a wrong blob is in the registry: {blob['digest']}")
            return hashlib.sha256(manifest).hexdigest()
        if action in ("v2", "archive"):
            path = self.path("out", "delta" if action == "v2" else "image.tar")
            return sha256(path) if os.path.exists(path) else None
        return self.layout("out", "delta" if action == "v3" else "image")

    def kept(self, name):
        """The ID of the image that the store knows by the name; None if there is none."""
        code, said = self.run([self.remora, "images", "--json"])
        answer = json.loads(said)
        if code or answer["troubles"]:
            raise Broken(f"the images can't be listed: {said}")
        for image in answer["images"]:
            # A layer that was damaged is dropped, whatever needs it.
            if not image["whole"] and not self.flipped:
                raise Broken(f"{image['name']} has not all of its layers")
        return next((image["id"] for image in answer["images"] if image["name"] == self.named(name)), None)

    def layout(self, name, tag):
        index = self.path(name, "index.json")
        if not os.path.exists(index):
            return None
        with open(index) as file:
            text = file.read()
        try:
            manifests = json.loads(text)["manifests"]
        except ValueError:
            raise Broken(f"index.json is {text[:80]!r}") from None
        if not os.path.exists(self.path(name, "oci-layout")):
            raise Broken("an index without oci-layout")
        for manifest in manifests:
            if manifest["annotations"]["org.opencontainers.image.ref.name"] == tag:
                content = json.loads(self.blob(name, manifest["digest"]))
                for blob in [content["config"], *content["layers"]]:
                    self.blob(name, blob["digest"])
                return manifest["digest"]
        return None

    def blob(self, name, digest):
        path = self.path(name, "blobs", *digest.split(":"))
        if not os.path.exists(path):
            raise Broken(f"a blob is lost: {digest}")
        with open(path, "rb") as file:
            content = file.read()
        if "sha256:" + hashlib.sha256(content).hexdigest() != digest:
            raise Broken(f"a blob is wrong: {digest}, {len(content)} bytes")
        return content

    def flip(self, action):
        """Flips a bit of a stored layer, of a blob of an image or of the given delta."""
        name = self.random.choice(["store/layers", "images/blobs", "given/blobs"])
        files = [os.path.join(folder, file) for folder, _, files in os.walk(self.path(name)) for file in files]
        files = [file for file in files if os.path.getsize(file)]
        if not files:
            return lambda: None
        path = self.random.choice(files)
        mode = os.stat(path).st_mode
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            at = self.random.randrange(os.path.getsize(path))
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << self.random.randrange(8)]))
        os.chmod(path, mode)

        def mend():
            # A stored layer is Remora's to mend; others' files are put back.
            if name == "store/layers":
                self.run(self.command("verify"))
            elif os.path.exists(path):
                os.chmod(path, 0o600)
                with open(path, "r+b") as file:
                    file.seek(at)
                    file.write(bytes([byte]))
                os.chmod(path, mode)

        return mend

    def round(self):
        action, fault = self.random.choice(self.actions), self.random.choice(FAULTS)
        if action in hosts.ACTIONS:
            self.hosts.round(action)
            return
        self.flipped = False
        if action in REMOTE and not self.registry:
            return
        if self.random.random() < 0.5:
            shutil.rmtree(self.path("store"), ignore_errors=True)
        if self.random.random() < 0.5:
            self.clear_output()
        if action == "push":
            shutil.rmtree(self.path("registry", "docker", "registry", "v2", "repositories", "app"), ignore_errors=True)
        self.now = f"{action}, before"
        self.before(action)
        before = self.output(action)
        mend, environment, kill = lambda: None, {}, None
        if fault == "signal":
            chosen = self.random.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
            kill = (chosen, self.random.random() * self.seconds[action])
            what = f"{chosen.name} after {kill[1]:.4f} s"
        elif fault == "flip":
            mend, what, self.flipped = self.flip(action), "a flipped bit", True
        else:
            at = self.random.randint(0 if fault.startswith("power") else 1, self.calls[action])
            errno = self.random.choice(list(ERRNOS))
            environment = {"LD_PRELOAD": self.shim, "FAULT_PATH": self.folder, "FAULT_AT": str(at), "FAULT_MODE": fault, "FAULT_ERRNO": str(errno)}
            what = f"{fault} {ERRNOS[errno]} at call {at}"
        self.now = f"{action}, {what}"
        code, said = self.run(self.command(action), environment, kill)
        self.counts["flips" if fault == "flip" else "kills" if fault in ("signal", "kill") else "power cuts" if fault.startswith("power") else "write errors"] += 1
        self.counts[f"exit {code}"] += 1
        if code not in IN_ORDER or "panicked" in said:
            raise Broken(f"exit {code}: {said}")
        power = fault.startswith("power") and environment["FAULT_AT"] == "0"
        self.check_output(action, before, must=code == 0 or power)
        mend()
        self.check_store()
        self.succeed(action)
        self.check_output(action, before, must=True)
        self.run([self.remora, "store", "gc", "-q"])
        self.check_leftovers()
        if self.flipped and action != "pull":
            # A damaged layer was dropped, and nothing has fetched it again.
            shutil.rmtree(self.path("store"), ignore_errors=True)

    def check_output(self, action, before, must):
        now, expected = self.output(action), self.expected[action]
        if now != expected and (must or now != before):
            raise Broken(f"the output is {now}, not {expected}; before it was {before}")

    def check_store(self):
        folder = self.path("store", "layers")
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if sha256(os.path.join(folder, name)) != name:
                raise Broken(f"the stored layer {name} is wrong")

    def check_leftovers(self):
        left = [os.path.join(name, file) for name in ("store/incoming", "store/scratch", "store/partial", "store", "out") if os.path.isdir(self.path(name)) for file in os.listdir(self.path(name))]
        left = [name for name in left if name.startswith(("store/incoming/", "store/scratch/", "store/partial/")) or "/.remora-" in name]
        if left:
            raise Broken(f"left behind: {left}")

    def all(self, rounds):
        begun, broken = time.monotonic(), 0
        for number in range(rounds):
            try:
                self.round()
                if number % 100 == 0 and (self.snapshot("images"), self.snapshot("given")) != (self.images, self.given):
                    raise Broken("an input was changed")
            except Broken as error:
                broken += 1
                print(f"round {number}: {self.now}: {error}", flush=True)
                for name in ("store", "out"):
                    shutil.rmtree(self.path(name), ignore_errors=True)
                os.mkdir(self.path("out"))
                if self.hosts:
                    self.hosts.reset()
            if number % 500 == 499:
                print(f"{number + 1} rounds, {time.monotonic() - begun:.0f} s, {broken} broken: {dict(self.counts)}", flush=True)
        print(f"{rounds} rounds, {broken} broken promises: {dict(sorted(self.counts.items()))}")
        return broken


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--remora", default=os.path.join(ROOT, "target", "debug", "remora"))
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="actions, with commas between them, instead of all")
    parser.add_argument("--folder", help="where to work; a RAM disk is quickest")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        campaign = Campaign(options, os.path.realpath(folder))
        try:
            broken = campaign.all(options.rounds)
        finally:
            if campaign.registry:
                campaign.registry.kill()
                campaign.registry.wait()
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
