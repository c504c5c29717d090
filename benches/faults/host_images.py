"""Two small images that share most of their files, and a registry on loopback that serves them from memory."""

import hashlib, http.server, io, json, os, re, tarfile, threading

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
BUSYBOX = "/bin/busybox"
# When everything in the images was changed, to half a second.
TIME = 1_700_000_000.5


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(entries):
    """A layer of (name, type, content or target, mode, owner)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, what, mode, owner in entries:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.gid, info.mtime = kind, mode, owner, owner, TIME
            if kind == tarfile.REGTYPE:
                info.size = len(what)
                tar.addfile(info, io.BytesIO(what))
            else:
                info.linkname = what or ""
                tar.addfile(info)
    return out.getvalue()


def text(seed, size):
    """Text of a size that does not compress to nothing, the same each time."""
    lines = (hashlib.sha256(f"{seed} {n}".encode()).hexdigest() for n in range(size // 65 + 1))
    return "\n".join(lines).encode()[:size]


def base():
    folder, file, link, symbolic = tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE
    entries = [("./", folder, None, 0o755, 0), ("tmp/", folder, None, 0o1777, 0)]
    entries += [(f"{name}/", folder, None, 0o755, 0) for name in ("bin", "lib", "etc", "srv", "dev", "proc", "sys", "a", "a/b", "a/b/c", "a/b/c/d")]
    if os.path.exists(BUSYBOX):
        with open(BUSYBOX, "rb") as program:
            entries.append(("bin/busybox", file, program.read(), 0o755, 0))
        entries += [(f"bin/{name}", link, "bin/busybox", 0o755, 0) for name in ("sh", "sleep", "true")]
    entries += [(f"lib/part{n}", file, text(f"part {n}", 600 * n), 0o644, 0) for n in range(24)]
    entries += [(f"a/b/c/d/same{n}", link, f"lib/part{n}", 0o644, 0) for n in range(6)]
    # What runtimes mount something at is there: otherwise they make it.
    entries += [("etc/resolv.conf", file, b"", 0o644, 0), ("etc/hosts", file, b"", 0o644, 0)]
    entries += [("etc/passwd", file, b"root:x:0:0::/:/bin/sh\n", 0o644, 0), ("srv/su", file, b"su", 0o4755, 0)]
    entries += [("srv/log", symbolic, "../tmp/log", 0o777, 0), ("srv/out", symbolic, "/etc", 0o777, 0)]
    return layer(entries)


def release(version):
    file = tarfile.REGTYPE
    entries = [("srv/app", file, text("app", 30_000) + text(version, 900), 0o755, 0)]
    entries += [(f"lib/part{n}", file, text(f"part {n} {version}", 900), 0o644, 0) for n in (3, 5)]
    entries += [(f"lib/new{version}", file, b"", 0o600, 0), (f"lib/.wh.part{7 + version}", file, b"", 0o644, 0)]
    return layer(entries)


def write_layout(folder):
    """Writes the images, tags 1 and 2, as a layout."""
    os.makedirs(os.path.join(folder, "blobs", "sha256"))
    manifests = []

    def blob(content, kind):
        with open(os.path.join(folder, "blobs", "sha256", digest(content)[7:]), "wb") as file:
            file.write(content)
        return {"mediaType": kind, "digest": digest(content), "size": len(content)}

    for version in (1, 2):
        layers = [base(), release(version)]
        config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"]}, "rootfs": {"type": "layers", "diff_ids": [digest(it) for it in layers]}}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob(json.dumps(config).encode(), CONFIG), "layers": [blob(it, LAYER) for it in layers]}
        manifests.append(blob(json.dumps(manifest).encode(), MANIFEST) | {"annotations": {"org.opencontainers.image.ref.name": str(version)}})
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump({"schemaVersion": 2, "manifests": manifests}, file)
    with open(os.path.join(folder, "oci-layout"), "w") as file:
        file.write('{"imageLayoutVersion":"1.0.0"}')


class Registry:
    """Serves layouts as one repository. Counts the bytes of layers, and cuts their answers off if told to."""

    def __init__(self):
        self.blobs, self.kinds, self.tags, self.configs = {}, {}, {}, set()
        self.blob_bytes, self.cut_at, self.cuts = 0, None, 0
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                registry.answer(self)

            def do_GET(self):
                registry.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # Killed clients are what this is about.
        self.server.handle_error = lambda *_: None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add_layout(self, folder, tag_prefix=""):
        for name in os.listdir(os.path.join(folder, "blobs", "sha256")):
            with open(os.path.join(folder, "blobs", "sha256", name), "rb") as file:
                self.blobs["sha256:" + name] = file.read()
        with open(os.path.join(folder, "index.json")) as file:
            for manifest in json.load(file)["manifests"]:
                self.kinds[manifest["digest"]] = manifest["mediaType"]
                self.configs.add(json.loads(self.blobs[manifest["digest"]])["config"]["digest"])
                self.tags[tag_prefix + manifest["annotations"]["org.opencontainers.image.ref.name"]] = manifest["digest"]

    def cut(self, at, times):
        """From the byte `at` of layers on, so many answers end early."""
        self.cut_at, self.cuts = self.blob_bytes + at, times

    def answer(self, request):
        found = re.fullmatch(r"/v2/app/(manifests|blobs)/(.*)", request.path)
        name = found and self.tags.get(found[2], found[2])
        if request.path == "/v2/":
            self.send(request, 200, b"{}", {"Content-Type": "application/json"})
        elif request.path.startswith("/v2/app/tags/list"):
            self.send(request, 200, json.dumps({"name": "app", "tags": sorted(self.tags)}).encode(), {"Content-Type": "application/json"})
        elif not found or name not in self.blobs:
            self.send(request, 404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', {"Content-Type": "application/json"})
        elif found[1] == "manifests":
            self.send(request, 200, self.blobs[name], {"Content-Type": self.kinds[name], "Docker-Content-Digest": name})
        else:
            self.send_blob(request, name)

    def send_blob(self, request, name):
        content, start = self.blobs[name], 0
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        if asked:
            start, end = int(asked[1]), int(asked[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
            content = content[start : end + 1]
        self.send(request, 206 if asked else 200, content, headers, counted=name not in self.configs)

    def send(self, request, status, content, headers, counted=False):
        request.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "HEAD":
            return
        length = len(content)
        if counted and self.cuts and self.blob_bytes + length >= self.cut_at:
            self.cuts -= 1
            length = max(0, min(length - 1, self.cut_at - self.blob_bytes))
            request.close_connection = True
        if counted:
            self.blob_bytes += length
        request.wfile.write(content[:length])
