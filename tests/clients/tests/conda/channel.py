"""Makes a conda channel with the field's own tools: conda-package-streaming packs, rattler indexes.

usage: channel.py DIRECTORY   (reads packages as JSON lines from standard input)
A line: {"name", "version", "build", "subdir", "license", "depends", "format": "conda" | "tar.bz2"}, and "inside" for what
`info/index.json` says, if that is something else.
"""

import asyncio
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

from backports import zstd
from conda_package_streaming.create import conda_builder
from rattler.index import index_fs


def add(archive, path, content):
    info = tarfile.TarInfo(path)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def pack(channel, package):
    stem = f"{package['name']}-{package['version']}-{package['build']}"
    place = channel / package["subdir"]
    place.mkdir(parents=True, exist_ok=True)
    index = {key: package[key] for key in ("name", "version", "build", "subdir", "license", "depends")}
    index |= {"build_number": 0, "timestamp": 1500000000000}
    if package["subdir"] == "noarch":
        index["noarch"] = "generic"
    content = f"{package['name']} {package['version']}\n".encode()
    installed = f"share/{package['name']}.txt"
    paths = [{"_path": installed, "path_type": "hardlink", "sha256": hashlib.sha256(content).hexdigest(), "size_in_bytes": len(content)}]
    members = [
        ("info/index.json", json.dumps(package.get("inside", index)).encode()),
        ("info/about.json", json.dumps({"home": "https://example.org"}).encode()),
        ("info/paths.json", json.dumps({"paths": paths, "paths_version": 1}).encode()),
        ("info/files", f"{installed}\n".encode()),
        (installed, content),
    ]
    if package["format"] == "conda":
        with conda_builder(stem, place) as archive:
            for path, bytes_ in members:
                add(archive, path, bytes_)
    else:
        with tarfile.open(place / f"{stem}.tar.bz2", "w:bz2") as archive:
            for path, bytes_ in members:
                add(archive, path, bytes_)


def main():
    channel = Path(sys.argv[1])
    (channel / "noarch").mkdir(parents=True, exist_ok=True)
    packages = [json.loads(line) for line in sys.stdin if line.strip()]
    for package in packages:
        pack(channel, package)
    asyncio.run(index_fs(channel, write_zst=True, write_shards=True, force=True))
    for package in packages:
        if "inside" in package:
            pretend(channel, package)


def pretend(channel, package):
    """Lets the index say of a file what its inside does not."""
    place = channel / package["subdir"]
    repodata = json.loads((place / "repodata.json").read_text())
    record = repodata["packages.conda"][f"{package['name']}-{package['version']}-{package['build']}.conda"]
    record["name"] = package["name"]
    text = json.dumps(repodata).encode()
    (place / "repodata.json").write_bytes(text)
    (place / "repodata.json.zst").write_bytes(zstd.compress(text))
    # Its shards say the truth: this platform is offered without.
    (place / "repodata_shards.msgpack.zst").unlink()


main()
