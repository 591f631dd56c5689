"""What does a repository of CRAN's size cost, where a refused version is replaced by one of the archive?"""

import gzip
import io
import random
import statistics
import struct
import tarfile
import time

from weirbench import load
from weirbench.report import Section, mebibytes, milliseconds

PACKAGES, ARCHIVED, REFUSED = 22_000, 6, 20
# Budgets: seconds.
COLD, WARM = 0.2, 0.005
ROUNDS = 7

TEXT = """
A generated repository of {packages:,} packages with {files:,} files in its archive, as large as CRAN, served by nginx as
`PACKAGES.gz` ({packed}) and `Meta/archive.rds`. {refused} packages have a refused newest version, each needed by others.
*First*: the first request of all: fetch, cutting, the archived packages that take a place, and the page. *Cold*: the first
request after a start, from what is kept: every release is judged, what is shown is settled, the page written and sent. *Warm*:
the same request again with the client's tag, and without. Medians of {rounds}.
"""

PATH = "/dev/cran/src/contrib/PACKAGES.gz"


def run(bench):
    packed = _repository(bench.tree.root / "cran" / "src" / "contrib")
    place = bench.fresh.copy(bench.home / "cran", more=f'upstream.cran.url = "{bench.tree.base}/cran/"')
    denied = ", ".join(f'"pkg:cran/package{at:05}@>= 7.0"' for at in _refused())
    (place.data / "policy.toml").write_text(f"[stage.dev]\nminimum-age = {{ days = 3 }}\ndenied = [{denied}]\n")
    text = TEXT.format(
        packages=PACKAGES, files=PACKAGES * ARCHIVED, packed=mebibytes(packed), refused=REFUSED, rounds=ROUNDS
    )
    section = Section("cran", "A repository of 22,000 R packages", text)
    with place.serve() as weir:
        with load.Sampler(weir) as memory:
            first, page, _ = _timed(bench, weir)
        peak = memory.most
    shown = gzip.decompress(page).count(b"WeirSubstituted: ")
    if shown != REFUSED:
        bench.problem(f"cran: {shown} packages are replaced, not {REFUSED}")
    colds, warms, tags = [], [], []
    for _ in range(ROUNDS):
        with place.serve() as weir:
            cold, _, tag = _timed(bench, weir)
            colds.append(cold)
            warms.append(_timed(bench, weir)[0])
            tags.append(_timed(bench, weir, {"If-None-Match": tag})[0])
    cold, warm, tag = (statistics.median(values) for values in (colds, warms, tags))
    section.add("first, with fetch and cutting", f"{first:.2f} s, peak {mebibytes(peak)}")
    section.add("cold: judge, settle and write", milliseconds(cold), budget="≤ 200 ms", holds=cold <= COLD)
    section.add("warm, until the page begins", milliseconds(tag), budget="≤ 5 ms", holds=tag <= WARM)
    section.add(f"warm, the whole page ({mebibytes(len(page))})", milliseconds(warm))
    return section


def _timed(bench, weir, headers=None):
    began = time.monotonic()
    status, answer, body = weir.get(PATH, headers, timeout=120)
    took = time.monotonic() - began
    if status not in (200, 304):
        bench.problem(f"cran: {PATH} answered {status}")
    return took, body, answer.get("etag")


def _refused():
    return range(100, 100 + REFUSED)


def _repository(place):
    """Writes the repository. Returns the size of its catalogue, packed, in bytes."""
    numbers = random.Random(20261001)
    archive = place / "Archive"
    (place / "Meta").mkdir(parents=True, exist_ok=True)
    records = []
    for at in range(PACKAGES):
        # Packages need older ones, as a repository grows.
        needs = ", ".join(f"package{numbers.randrange(at):05} (>= {numbers.randrange(1, 6)}.0)" for _ in range(min(at, 6)))
        imports = f"Imports: {needs}\n" if needs else ""
        records.append(
            f"Package: package{at:05}\nVersion: 7.0\nDepends: R (>= 3.5.0), methods\n{imports}Suggests: testthat (>= 3.0.0)\n"
            f"License: {'MIT + file LICENSE' if at % 2 else 'GPL (>= 2)'}\nMD5sum: {numbers.getrandbits(128):032x}\n"
            f"NeedsCompilation: {'yes' if at % 4 == 0 else 'no'}\n"
        )
    packed = gzip.compress("\n".join(records).encode(), 6)
    (place / "PACKAGES.gz").write_bytes(packed)
    (place / "Meta" / "archive.rds").write_bytes(gzip.compress(_archive(), 1))
    (place / "Meta" / "current.rds").write_bytes(gzip.compress(_current(), 1))
    for at in _refused():
        name = f"package{at:05}"
        (archive / name).mkdir(parents=True, exist_ok=True)
        _package(archive / name / f"{name}_6.0.tar.gz", name, "6.0")
    return len(packed)


def _package(path, name, version):
    description = f"Package: {name}\nVersion: {version}\nTitle: Generated\nLicense: GPL-3\nImports: methods\n".encode()
    entry = tarfile.TarInfo(f"{name}/DESCRIPTION")
    entry.size = len(description)
    with tarfile.open(path, "w:gz", format=tarfile.USTAR_FORMAT) as out:
        out.addfile(entry, io.BytesIO(description))


def _ints(*values):
    return struct.pack(f">{len(values)}i", *values)


def _text(value):
    return _ints(9 | 64 << 12, len(value)) + value.encode()


def _texts(values):
    return _ints(16, len(values)) + b"".join(map(_text, values))


def _attribute(symbols, name, values):
    # A symbol is written once, and referred to by its number from then on.
    if name in symbols:
        tag = _ints(255 | symbols.index(name) + 1 << 8)
    else:
        symbols.append(name)
        tag = _ints(1) + _text(name)
    return _ints(2 | 1 << 10) + tag + _texts(values)


def _table(symbols, times, rows):
    """A table of files as R serialises it: see ecosystems/cran/src/rds.rs."""
    count = len(rows)
    columns = ["size", "isdir", "mode", "mtime", "ctime", "atime", "uid", "gid", "uname", "grname"]
    reals = _ints(14, count) + struct.pack(f">{count}d", *times)
    whole = _ints(13, count) + _ints(*range(count))
    owner = _texts(["root"] * count)
    values = [reals, whole, whole, reals, reals, reals, whole, whole, owner, owner]
    attributes = {"names": columns, "row.names": rows, "class": ["data.frame"]}
    told = [_attribute(symbols, *attribute) for attribute in attributes.items()]
    return b"".join([_ints(19 | 1 << 8 | 1 << 9, len(columns)), *values, *told, _ints(254)])


HEAD = b"X\n" + _ints(2, 0x040202, 0x020300)


def _current():
    """When the current versions came."""
    return HEAD + _table([], [1_600_000_000.0] * PACKAGES, [f"package{at:05}_7.0.tar.gz" for at in range(PACKAGES)])


def _archive():
    """A list of tables, one for each package."""
    times = [1_500_000_000.0 + 10**7 * version for version in range(ARCHIVED)]
    names = [f"package{at:05}" for at in range(PACKAGES)]
    symbols = []
    files = ([f"{name}/{name}_{version + 1}.0.tar.gz" for version in range(ARCHIVED)] for name in names)
    tables = [_table(symbols, times, rows) for rows in files]
    return b"".join([HEAD, _ints(19 | 1 << 9, PACKAGES), *tables, _attribute(symbols, "names", names), _ints(254)])
