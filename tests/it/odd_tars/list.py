"""Lists tars as Python's tarfile reads them, in the form of list.go."""

import hashlib
import sys
import tarfile

KINDS = {tarfile.REGTYPE: "f", tarfile.AREGTYPE: "f", tarfile.GNUTYPE_SPARSE: "f"}


def raw(text):
    return text.encode("utf-8", "surrogateescape").hex() + "."


def listed(path):
    with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as archive:
        for entry in archive:
            content = archive.extractfile(entry).read() if entry.isreg() else b""
            kind = KINDS.get(entry.type, entry.type.decode("latin-1"))
            link = entry.linkname if entry.issym() or entry.islnk() else ""
            print(kind, raw(entry.name), raw(link), len(content), entry.uid, entry.gid, int(entry.mtime),
                  hashlib.sha256(content).hexdigest())


for path in sys.argv[1:]:
    try:
        listed(path)
    except (tarfile.TarError, OSError, ValueError):
        print("!")
    print(".")
