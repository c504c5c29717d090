#!/usr/bin/env python3
"""Writes the seed corpora beside this script, seeds/<target>/, from the fixture images and a few
hand-made deltas and layers. Run it when a format changes, with `remora` in the path for the seed of
the v2 format; cargo-fuzz finds the rest."""

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
LAYOUT = f"{HERE}/../fixtures/thermostat"
MAGIC = bytes.fromhex("72730236")

BASE = b"hello world!"
DELTAS = {
    "empty": MAGIC + b"\0",
    "immediate": MAGIC + b"\x05hello\0",
    "widths": MAGIC + b"\x41\x02hi\x42\0\x02hi\x43\0\0\0\x02hi\x44\0\0\0\0\0\0\0\x02hi\0",
    "copies": MAGIC + b"\x45\0\x04\x4a" + struct.pack(">HH", 2, 3) + b"\x45\x01\x01\0",
    "copy64": MAGIC + b"\x54" + struct.pack(">QQ", 1, 2) + b"\0",
    "no-end": MAGIC + b"\x01x",
    "reserved": MAGIC + b"\x55\0",
}

HOST = "registry.example.com"
NAMES = ("0123456789abcdef" * 2, "fedcba9876543210" * 2)
DIGEST = "sha256:" + "0123456789abcdef" * 4
RELEASES = {
    "id": "17",
    "commit": "0123456789abcdef" * 2,
    "version": "org/fleet:1.2.3+rev4",
    "latest": "org/fleet:latest",
    "fleet-like-an-id": "933:latest",
    "quotes": "o'rg/fl&eet:'",
}
IMAGE = {
    "id": 4,
    "is_a_build_of__service": [{"service_name": "web"}],
    "is_stored_at__image_location": f"{HOST}/v2/{NAMES[0]}",
    "content_hash": DIGEST,
    "image_size": "123",
}
RELEASE = {
    "id": 1,
    "commit": "0123456789abcdef" * 2,
    "raw_version": "0.0.1",
    "status": "success",
    "is_final": True,
    "is_invalidated": False,
    "belongs_to__application": {"__id": 2},
    "release_image": [{"image": [IMAGE]}],
    "update_timestamp": "2026-01-01T00:00:00.000Z",
    "release_tag": [{"id": 1}],
}
ROWS = {
    "releases": [RELEASE],
    "fleets": [{"id": 2, "slug": "org/fleet", "should_be_running__release": [{"id": 1}]}],
    "devices": [{
        "id": 3,
        "is_running__release": {"__id": 1},
        "should_be_running__release": None,
        "device_config_variable": [{"value": "3"}],
    }],
    "variables": [{"application": {"__id": 2}, "value": "2M"}],
    "none": [],
}
QUERIES = {
    "digests": "src={0}/v2/{1}@{3}&dest={0}/v2/{2}@{3}",
    "tags": "src={0}/v2/{1}:latest&dest={0}/v2/{2}-1:latest&wait=true",
    "bare": "dest={0}/v2/{2}&src={0}/v2/{1}",
    "encoded": "src={0}%2Fv2%2F{1}%40{3}&dest={0}%2fv2%2f{2}%3alatest&wait=false",
    "numbers": "src=1234567&dest=1234568",
}

REFERENCES = {
    "registry": f"{HOST}/app:1", "digest": f"{HOST}/app@{DIGEST}", "layout": "oci:folder:tag",
    "archive": "docker-archive:file.tar:app:1", "number": "oci-archive:file.tar:@1", "address": "[::1]:5000/app",
    "engine": "docker-daemon:team/app:1", "engine-id": f"docker-daemon:{DIGEST}",
}

IDENTITIES = [
    {"type": "matchExact"}, {"type": "matchRepoDigestOrExact"}, {"type": "matchRepository"},
    {"type": "exactReference", "dockerReference": f"{HOST}/app:1"},
    {"type": "exactRepository", "dockerRepository": f"{HOST}/app"},
    {"type": "remapIdentity", "prefix": HOST, "signedPrefix": "docker.io/library"},
]
POLICIES = {
    "signed": {
        "default": [{"type": "reject"}],
        "transports": {
            "docker": {HOST: [{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": it} for it in IDENTITIES]},
            "oci": {"/srv/images": [{"type": "insecureAcceptAnything"}], "": [{"type": "reject"}]},
        },
    },
    "keys": {"default": [
        {"type": "sigstoreSigned", "keyData": "aGVsbG8="}, {"type": "sigstoreSigned", "keyDatas": ["aGVsbG8="]},
        {"type": "sigstoreSigned", "keyPaths": ["/a", "/b"], "rekorPublicKeyPath": "/r"},
        {"type": "sigstoreSigned", "fulcio": {"caPath": "/c"}, "rekorPublicKeyData": "aA=="},
        {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"},
    ]},
}

COMPOSE = """x-c: &c {restart: always}
services:
  a:
    <<: *c
    build: {context: ., args: [A=1], shm_size: 64m}
    environment: {A: "${A:-b}"}
    env_file: [.env]
    ports: [80, {target: 1, published: 2, protocol: udp}]
    volumes: [data:/data, /sys:/sys]
    depends_on: {b: {condition: service_started}}
  b: {image: "x:1", labels: {io.balena.features.requires.arch.sw: aarch64}}
volumes: {data: {}}
"""
PROJECT_TEXTS = {
    "compose": COMPOSE,
    "dockerfile": "# escape=`\nFROM %%BALENA_ARCH%% AS a\nRUN --mount=type=cache x `\n y\nCOPY <<EOF /x\na\nEOF\n",
    "env": "# c\nexport A=1 # c\nB='x\ny'\nC=\"$A\\n${D:-${A}}\"\nE\n",
    "contract": "type: sw.application\nversion: 1.2.3\n",
    "settings": "build-variables: {global: [A=1], services: {a: {B: '2'}}}\n",
}


def blob(digest):
    with open(f"{LAYOUT}/blobs/sha256/{digest[7:]}", "rb") as file:
        return file.read()


def write(target, name, content):
    os.makedirs(f"{HERE}/seeds/{target}", exist_ok=True)
    with open(f"{HERE}/seeds/{target}/{name}", "wb") as file:
        file.write(content)


def layer(entries):
    """A layer tar of (name, type, content or link)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, rest in entries:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if kind == tarfile.REGTYPE:
                entry.size = len(rest)
            else:
                entry.linkname = rest
            tar.addfile(entry, io.BytesIO(rest if kind == tarfile.REGTYPE else b""))
    used = buffer.getvalue().rstrip(b"\0")
    return used + bytes(-len(used) % 512 + 1024)


def stack():
    """Two layers with whiteouts, links and a long name, as the rootfs target takes them."""
    lower = layer([("d", tarfile.DIRTYPE, ""), ("d/a", tarfile.REGTYPE, b"hello"),
                   ("d/b", tarfile.LNKTYPE, "d/a"), ("l", tarfile.SYMTYPE, "d")])
    upper = layer([("d/.wh.a", tarfile.REGTYPE, b""), ("l", tarfile.REGTYPE, b"now a file"),
                   ("e/.wh..wh..opq", tarfile.REGTYPE, b""), ("ü" * 90, tarfile.DIRTYPE, "")])
    return bytes([len(lower) // 512]) + lower + upper


def v2_delta():
    """What remora makes of the fixture."""
    with tempfile.TemporaryDirectory() as folder:
        images = [f"oci:{LAYOUT}:{release}" for release in ("1.0", "1.1")]
        subprocess.run(["remora", "create", *images, "--format", "v2", "--output",
                        f"{folder}/delta", "--store", f"{folder}/store", "--quiet"], check=True)
        with open(f"{folder}/delta", "rb") as file:
            return file.read()


def docker_archive(config):
    """A small archive: a link from one layer to another, as old docker versions write."""
    buffer = io.BytesIO()
    manifest = [{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l/layer.tar"]}]
    parts = {"l/layer.tar": layer([("file", tarfile.REGTYPE, b"hello")]), "c.json": config,
             "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def numbers(*values):
    """LEB128, lowest bits first."""
    out = bytearray()
    for value in values:
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return bytes(out)


def program_delta():
    """A base of 96 bytes, and a layer delta of one chunk that takes them for regions of all kinds, moved by three literals."""
    base = b"\xe8\x20\0\0\0\x0f\x84\x02\0\0\0\x48\x8d\x05\x10\0\0\0".ljust(32, b"\x90")
    base += (40).to_bytes(8, "little") * 2 + (48).to_bytes(4, "little") * 12
    lengths = (32, 16, 24, 24)
    regions = [number for kind, length in enumerate(lengths, 1) for number in (0, length, 0, kind)]
    # The target's are three bytes further, where their addresses are too.
    target = regions.copy()
    target[2] = 2 * 3
    programs = numbers(4, 2 * 3, *target, 2 * 64, 4, 0, *regions, 2 * 64)
    streams = [numbers(3), numbers(96), numbers(2 * 3 - 1), b"", b"", b"new", programs, numbers(1), numbers(6)]
    entries = b"".join(numbers(len(one)) + (b"\0" if one else b"") for one in streams)
    index = numbers(99, 96, 1, 99) + bytes(32) + entries
    return bytes([96]) + base + b"rmrdelt\x01" + numbers(len(index)) + index + b"".join(streams)


def deflated(content):
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflater.compress(content) + deflater.flush()


def members_delta():
    """A base with one packed stretch, and a layer delta of one chunk with a member that has what is in it and more."""
    content = b"hello hello hello world"
    base = b"front" + deflated(content)
    packed = deflated(content + b"!!")
    length, plain = 3 + len(packed), 3 + len(content) + 2
    members = numbers(plain, 3, len(content) + 2, 6)
    opened = numbers(2 * 5, len(base) - 5, len(content))
    # The content is behind the base, three bytes further than in the chunk.
    streams = [numbers(3), numbers(len(content)), numbers(2 * (len(base) - 3)), b"", b"", b"new!!", b"", members, opened]
    entries = b"".join(numbers(len(one)) + (b"\0" if one else b"") for one in streams)
    index = numbers(length, len(base), 1, length) + bytes(32) + entries
    return bytes([len(base)]) + base + b"rmrdelt\x02" + numbers(len(index)) + index + b"".join(streams)


def archive():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/b", "c"):
            archive.writestr(zipfile.ZipInfo(name), f"{name} is a member, and a member of many words", zipfile.ZIP_DEFLATED)
        archive.comment = b"comment"
    return b"\x05" + out.getvalue()


def tar_diff_seeds():
    """Operations of all kinds, after the choices (version 1 or 2, compressed by the target) and the file."""
    opened = b"\x01\x01a"
    raw = bytes.fromhex("28b52ffd200b590000") + BASE[:11]  # a frame of one block, as it is
    operations = {
        "data": (2, b"\0\x05hello"),
        "copy": (2, opened + b"\x02\x05\x04\x01\x02\x03"),
        "add": (2, opened + b"\x03\x04\0\x01\0\x02\x01\x03d/b\x02\x02"),
        "frame": (3, opened + b"\x05" + numbers(len(raw)) + raw),
        "packed": (0, bytes.fromhex("28b52ffd2007390000") + b"\0\x05hello"),
    }
    return {name: bytes([choices, len(BASE)]) + BASE + rest for name, (choices, rest) in operations.items()}


def artifact_seeds():
    """Artifacts of both dialects, each with a target of two layers, of which the first is left to the base."""
    diff_ids = [f"sha256:{number:064}" for number in (1, 2)]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": 1}
              for digest in diff_ids]
    target = {"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json"}, "layers": layers}
    with open(f"{HERE}/../fixtures/remora-delta/zstd.delta", "rb") as file:
        own = file.read()
    dialects = {
        "remora": ("application/vnd.remora.image-delta.v1", "vnd.remora.delta.base", "vnd.remora.delta",
                   "application/vnd.remora.layer-delta.v1", own),
        "oci-delta": ("application/vnd.io.github.containers.oci-delta.v1", "io.github.containers.delta.source-config",
                      "io.github.containers.delta", "application/vnd.tar-diff", b"tardf1\n\0"),
    }
    for name, (artifact_type, base, notes, media_type, blob) in dialects.items():
        def part(kind, content, **more):
            said = {f"{notes}.content": content} | {f"{notes}.{key}": value for key, value in more.items()}
            return {"mediaType": kind, "annotations": said}
        empty = {"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
                 "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
        manifest = {"schemaVersion": 2, "artifactType": artifact_type, "config": empty, "annotations": {base: DIGEST},
                    "layers": [part("application/vnd.oci.image.manifest.v1+json", "image-manifest"),
                               part("application/vnd.oci.image.config.v1+json", "image-config"),
                               part(media_type, "image-layer", to=diff_ids[1])]}
        yield name, b"\0".join([json.dumps(it).encode() for it in (manifest, config, target)] + [blob])


def main():
    shutil.rmtree(f"{HERE}/seeds", ignore_errors=True)
    for name, delta in DELTAS.items():
        write("command", name, delta)
        write("patch", name, bytes([len(BASE)]) + BASE + delta)
    for name in ("lzma", "zstd", "literals", "chunks", "members"):
        with open(f"{HERE}/../fixtures/remora-delta/{name}.delta", "rb") as file:
            write("layer_delta", name, bytes([len(BASE)]) + BASE + file.read())
    write("layer_delta", "program", program_delta())
    write("layer_delta", "opened", members_delta())
    write("archives", "two", archive())
    for name, seed in tar_diff_seeds().items():
        write("tar_diff", name, seed)
    for name, seed in artifact_seeds():
        write("artifact", name, seed)
    with open(f"{LAYOUT}/index.json", "rb") as file:
        index = file.read()
    write("manifest", "index", index)
    for entry in json.loads(index)["manifests"]:
        manifest = blob(entry["digest"])
        config = blob(json.loads(manifest)["config"]["digest"])
        tag = entry["annotations"]["org.opencontainers.image.ref.name"]
        write("manifest", tag, manifest)
        write("config", tag, config)
    docker = manifest.replace(b"oci.image.manifest.v1", b"docker.distribution.manifest.v2")
    write("manifest", "docker", docker)
    for name, query in QUERIES.items():
        write("query", name, query.format(HOST, *NAMES, DIGEST).encode())
    write("rootfs", "two-layers", stack())
    write("batch", "thermostat", v2_delta())
    odd = stack()
    write("tar", "two-layers", odd[1 + odd[0] * 512:])
    write("tree_to_batch", "two-layers", b"\0" + odd)
    for name, text in REFERENCES.items():
        write("reference", name, text.encode())
    for name, policy in POLICIES.items():
        write("policy", name, json.dumps(policy).encode())
    write("layout", "index", index)
    write("credentials", "stored", json.dumps({"auths": {HOST: {"auth": "dXNlcjpwYXNz"}}}).encode())
    write("credentials", "helper", json.dumps({"credHelpers": {HOST: "x"}, "credsStore": "y"}).encode())
    write("challenge", "bearer", b'Bearer realm="https://auth.example.com/token",service="r"')
    write("challenge", "both", b'Basic realm="x", Bearer realm="https://auth.example.com/token"')
    write("token_answer", "plain", b'{"token":"t","expires_in":300}')
    write("token_answer", "jwt", b'{"access_token":"x.eyJleHAiOjEwMTQ0MDAsImlhdCI6MTAwMDAwMH0.x"}')
    write("compression", "plain", b"plain bytes")
    write("compression", "gzip", gzip.compress(b"hello" * 50, mtime=0) * 2)
    write("compression", "xz", lzma.compress(b"hello" * 50))
    write("compression", "bzip2", bz2.compress(b"hello" * 50))
    write("round_trip", "some", bytes(range(256)) * 2)
    write("api_answer", "pairs", b'{"pairs":[{"format":"v3","status":"ready","size":1}]}')
    write("api_answer", "events", b'event: job\ndata: {"format":"v3","status":"preparing"}\n\n')
    for name, text in RELEASES.items():
        write("release_name", name, text.encode())
    for name, rows in ROWS.items():
        write("odata_answer", name, json.dumps({"d": rows}).encode())
    for name, text in PROJECT_TEXTS.items():
        write("project_texts", name, text.encode())
    write("project_tar", "compose", layer([("docker-compose.yml", tarfile.REGTYPE, COMPOSE.encode()),
                                           ("Dockerfile.template", tarfile.REGTYPE, b"FROM %%BALENA_ARCH%%"),
                                           (".env", tarfile.REGTYPE, b"A=1"), ("l", tarfile.LNKTYPE, ".env"),
                                           ("s", tarfile.SYMTYPE, "/etc"), ("d", tarfile.DIRTYPE, "")]))
    word = lambda number, length: number.to_bytes(length, "little")
    own = word(5, 8) + word(0, 4) + word(1, 4) + word(5, 8) + word(0xFFFFFFFF, 4) + b"hello"
    write("recipe", "own", own)
    listed = word(1, 4) + bytes(64) + word(7, 8) + word(2, 4)
    pieces = word(3, 8) + word(0, 4) + word(2, 8) + word(0xFFFFFFFF, 4)
    write("recipe", "object", word(12, 8) + listed + pieces + b"abcde")
    write("accounts", "passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:100::/:/bin/sh\n")
    write("accounts", "group", b"root:x:0:\nvideo:x:44:app,root\n")
    write("accounts", "subuid", b"root:100000:65536\n1000:165536:65536\n")
    write("docker_archive", "one-layer", docker_archive(config))


if __name__ == "__main__":
    main()
