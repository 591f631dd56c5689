"""What does everyone fetch from? A PyPI and an npm made of generated packages, as files that nginx serves.

The same tree stands behind Weir, devpi and Verdaccio, and is what `direct` means. Everything comes from a fixed seed, so that
two runs move the same bytes.
"""

import base64
import hashlib
import io
import json
import random
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

SEED = 20261001
# As large as numpy's wheel, which most sets of packages have in them.
BIG_BYTES = 18_250_000
# Fresh copies of the big wheel, one for each thing that needs an uncached one.
BIG_VERSIONS = 12
NPM_VERSIONS = 2_000
SET_PYPI = 30
SET_NPM = 60
# Packages that the soak asks for; their pages and facts together are more than Weir keeps in memory.
SOAK_PACKAGES = 400
PUBLISHED = "2024-05-01T00:00:00.000000Z"


@dataclass
class File:
    """One artifact: what it is called and what it must hash to."""

    name: str
    size: int
    sha256: str


@dataclass
class Tree:
    """The generated registries, and the parts that measures refer to."""

    root: Path
    base: str
    far: str
    files: dict = field(default_factory=dict)
    big: list = field(default_factory=list)
    pypi_set: list = field(default_factory=list)
    npm_set: list = field(default_factory=list)
    soak: list = field(default_factory=list)

    @property
    def far_port(self):
        return int(self.far.split("/")[2].split(":")[1])

    # Names that real advisories know, so that the pages have something to refuse.
    page = "django"
    packument = "sequelize"


def make(root: Path, base: str, far: str) -> Tree:
    """Writes everything below `root`. npm's documents name whole addresses: `base` is where nginx will serve them, `far` where
    a relay will, for whom there is a second set."""
    tree = Tree(root, base, far)
    noise = random.Random(SEED)
    _page_of_many(tree)
    _packument_of_many(tree)
    _big_wheels(tree, noise)
    _pypi_set(tree, noise)
    _npm_set(tree, noise)
    _soak_packages(tree, noise)
    names = sorted(path.name for path in (root / "simple").iterdir())
    _json(root / "simple/index.json", {"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in names]})
    return tree


def _page_of_many(tree):
    versions = [f"{major}.{minor}.{patch}" for major in (1, 2, 3, 4, 5) for minor in range(4) for patch in range(21)]
    entries = []
    for version in versions:
        for name in (f"django-{version}-py3-none-any.whl", f"django-{version}.tar.gz"):
            digest = hashlib.sha256(name.encode()).hexdigest()
            entries.append(_entry(tree, name, digest, 8_000_000 + len(entries)))
    _simple(tree, Tree.page, versions, entries)


def _packument_of_many(tree):
    name = Tree.packument
    documents = {}
    for index in range(NPM_VERSIONS):
        version = f"{2 + index // 400}.{index // 20 % 20}.{index % 20}"
        documents[version] = _npm_version(tree, name, version, hashlib.sha512(version.encode()).digest(), {
            f"dependency-{number}": f"^{number}.{index % 7}.0" for number in range(12)
        })
    _packument(tree, name, documents)


def _big_wheels(tree, noise):
    payload = noise.randbytes(BIG_BYTES)
    entries, versions = [], []
    for number in range(BIG_VERSIONS):
        version = f"1.{number}.0"
        tree.big.append(_wheel(tree, "heavy", version, [], payload))
        versions.append(version)
        entries.append(_entry(tree, tree.big[-1].name, tree.big[-1].sha256, tree.big[-1].size, metadata=True))
    _simple(tree, "heavy", versions, entries)


def _pypi_set(tree, noise):
    """Thirty packages, each needing a few of those after it: 10 kB to 2 MB, as real sets are."""
    for number in range(SET_PYPI):
        name = f"bench-set-{number:02}"
        needs = [f"bench-set-{other:02}" for other in range(number + 1, min(number + 4, SET_PYPI))]
        size = [10_000, 60_000, 300_000, 900_000, 2_000_000][number % 5]
        _one_release(tree, name, needs, noise.randbytes(size))
        tree.pypi_set.append(name)


def _soak_packages(tree, noise):
    for number in range(SOAK_PACKAGES):
        name = f"bench-soak-{number:03}"
        _one_release(tree, name, [], noise.randbytes(1_000 * (1 + number % 300)), old_releases=300)
        tree.soak.append(name)


def _one_release(tree, name, needs, payload, old_releases=20):
    file = _wheel(tree, name, "2.0.0", needs, payload)
    entries, versions = [], []
    for patch in range(old_releases):
        version = f"1.{patch}.0"
        old = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        entries.append(_entry(tree, old, hashlib.sha256(old.encode()).hexdigest(), len(payload)))
        versions.append(version)
    entries.append(_entry(tree, file.name, file.sha256, file.size, metadata=True))
    _simple(tree, name, [*versions, "2.0.0"], entries)


def _npm_set(tree, noise):
    for number in range(SET_NPM):
        name = f"bench-set-{number:02}"
        needs = {f"bench-set-{other:02}": "^2.0.0" for other in range(number + 1, min(number + 4, SET_NPM))}
        content = noise.randbytes([2_000, 10_000, 40_000, 200_000, 1_000_000][number % 5])
        manifest = {"name": name, "version": "2.0.0", "license": "MIT", "dependencies": needs}
        tarball = _tarball({"package/package.json": json.dumps(manifest).encode(), "package/index.bin": content})
        path = tree.root / f"npm/{name}/-/{name}-2.0.0.tgz"
        path.parent.mkdir(parents=True)
        path.write_bytes(tarball)
        documents = {
            f"1.{patch}.0": _npm_version(tree, name, f"1.{patch}.0", hashlib.sha512(bytes([patch])).digest(), {})
            for patch in range(40)
        }
        documents["2.0.0"] = _npm_version(tree, name, "2.0.0", hashlib.sha512(tarball).digest(), needs)
        documents["2.0.0"]["dist"]["shasum"] = hashlib.sha1(tarball).hexdigest()
        _packument(tree, name, documents)
        tree.npm_set.append((name, needs, documents["2.0.0"]["dist"]["integrity"]))


def _entry(tree, name, digest, size, metadata=False):
    # Relative addresses, which the Simple API allows, so that the page is the same wherever it is served.
    where = "throttled" if name.startswith("heavy") else "files"
    stated = {"sha256": hashlib.sha256((tree.root / f"files/{name}.metadata").read_bytes()).hexdigest()} if metadata else False
    return {
        "filename": name, "url": f"../../{where}/{name}", "hashes": {"sha256": digest}, "requires-python": ">=3.8",
        "size": size, "upload-time": PUBLISHED, "yanked": False, "core-metadata": stated,
    }


def _simple(tree, name, versions, entries):
    document = {"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": entries}
    _json(tree.root / f"simple/{name}/index.json", document)


def _npm_version(tree, name, version, digest, needs):
    return {
        "name": name, "version": version, "description": "Generated for a benchmark.", "license": "MIT",
        "main": "index.js", "repository": {"type": "git", "url": f"git+https://example.org/{name}.git"},
        "scripts": {"test": "node test.js"}, "engines": {"node": ">=18"}, "dependencies": needs,
        "dist": {
            "integrity": "sha512-" + base64.b64encode(digest).decode(),
            "shasum": hashlib.sha1(digest).hexdigest(),
            "tarball": f"{tree.base}/npm/{name}/-/{name}-{version}.tgz",
            "fileCount": 40, "unpackedSize": 100_000,
        },
        "_nodeVersion": "22.0.0", "_hasShrinkwrap": False,
    }


def _packument(tree, name, documents):
    latest = list(documents)[-1]
    times = {"created": PUBLISHED, "modified": PUBLISHED, **{version: PUBLISHED for version in documents}}
    document = {"_id": name, "name": name, "dist-tags": {"latest": latest}, "versions": documents, "time": times}
    _json(tree.root / f"npm/{name}/index.json", document)
    text = json.dumps(document).replace(f"{tree.base}/npm/", f"{tree.far}/npm/")
    (tree.root / f"npm/{name}/far.json").write_text(text)


def _wheel(tree, name, version, needs, payload):
    """A wheel that says what it is, lists what it has, and is otherwise noise."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    requires = "".join(f"Requires-Dist: {other}\n" for other in needs)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n{requires}".encode()
    contents = {
        f"{name.replace('-', '_')}/__init__.py": f"version = '{version}'\n".encode(),
        f"{name.replace('-', '_')}/noise.bin": payload,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_urlsafe(hashlib.sha256(data).digest())},{len(data)}" for path, data in contents.items()]
    contents[f"{info}/RECORD"] = ("\n".join([*record, f"{info}/RECORD,,"]) + "\n").encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path, data in contents.items():
            archive.writestr(zipfile.ZipInfo(path, (2024, 5, 1, 0, 0, 0)), data)
    data = packed.getvalue()
    file = File(f"{stem}-py3-none-any.whl", len(data), hashlib.sha256(data).hexdigest())
    where = tree.root / "files"
    where.mkdir(parents=True, exist_ok=True)
    (where / file.name).write_bytes(data)
    (where / f"{file.name}.metadata").write_bytes(metadata)
    tree.files[file.name] = file
    return file


def _tarball(contents):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for path, data in contents.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode, member.mtime = len(data), 0o644, 1_714_521_600
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def _urlsafe(digest):
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _json(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
