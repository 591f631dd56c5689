"""How fast is a warm index page, beside a file server with the same bytes?"""

import gzip

from weirbench import load
from weirbench.report import Section, rate, ratio_row
from weirbench.weir import NPM_PAGE, PYPI_PAGE, packument_path, page_path

# DESIGN: at least this part of nginx's requests a second.
BUDGET = 0.80
# devpi and Verdaccio need some seconds to answer every connection once.
PEER_SECONDS = 5

TEXT = """
`wrk` on one page that has been asked for before. The bytes are those that Weir serves, so nginx sends the page as the policy
leaves it. *gzip* is what pip, uv and npm ask for; *identity* is without compression. The page of `{page}` has {files} files
({plain:,} bytes, {packed:,} as gzip); the packument of `{packument}` has {versions:,} versions ({npm_plain:,} and
{npm_packed:,} bytes).
"""


def run(bench):
    tree = bench.tree
    pypi = _bytes(bench, page_path(tree.page), PYPI_PAGE)
    npm = _bytes(bench, packument_path(tree.packument), NPM_PAGE)
    section = Section("pages", "Warm index page", TEXT.format(
        page=tree.page, files=pypi[0].count(b'"filename"'), plain=len(pypi[0]), packed=len(pypi[1]),
        packument=tree.packument, versions=npm[0].count(b'"dist"'), npm_plain=len(npm[0]), npm_packed=len(npm[1]),
    ))
    for what, path, headers, (plain, packed), codings in (
        ("PyPI page", page_path(tree.page), PYPI_PAGE, pypi, ("gzip", "identity")),
        ("npm packument", packument_path(tree.packument), NPM_PAGE, npm, ("gzip",)),
    )[: None if bench.plan.rounds > 2 else 1]:
        name = what.replace(" ", "-")
        there = bench.nginx.put(name, plain)
        bench.nginx.put(f"{name}.gz", packed)
        for coding in codings:
            for connections in bench.plan.connections:
                asked = {**headers, "Accept-Encoding": coding}
                size = len(packed if coding == "gzip" else plain)
                pairs = bench.in_turns(
                    lambda: _load(bench, bench.weir, path, connections, asked, size),
                    lambda: _load(bench, bench.nginx, there, connections, asked, size),
                )
                label = f"{what}, {coding}, {connections} connection{'s' if connections > 1 else ''}"
                section.rows.append(ratio_row(label, pairs, rate, "nginx", at_least=BUDGET))
    _lost(bench, section)
    _beside_registries(bench, section)
    return section


def _lost(bench, section):
    """Accounting is on only if the records are kept: those that the store was too slow for are counted."""
    def metric(name):
        lines = bench.weir.get("/metrics")[2].decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    lost, asked = metric("weir_request_records_lost_total"), metric("weir_requests_total")
    section.add("request records lost, all of the above", f"{lost:,.0f} of {asked:,.0f}")


def _beside_registries(bench, section):
    """devpi and Verdaccio make the page anew for each request: a few answers a second are enough to tell."""
    for name, what, ours, theirs, headers in (
        ("devpi", "PyPI page", page_path(bench.tree.page), bench.tree.page + "/", PYPI_PAGE),
        ("verdaccio", "npm packument", packument_path(bench.tree.packument), bench.tree.packument, NPM_PAGE),
    ):
        peer = bench.peers.get(name)
        if not peer:
            continue
        if not peer.server:
            section.add(what, "–", f"{name}: {peer.why_not}")
            continue
        peer.server.get(peer.index + theirs, headers)
        asked = {**headers, "Accept-Encoding": "gzip"}
        for connections in bench.plan.connections:
            seconds = PEER_SECONDS if connections <= 64 else 3 * PEER_SECONDS
            pair = (load.wrk(bench.weir, ours, connections, bench.plan.seconds, asked),
                    load.wrk(peer.server, peer.index + theirs, connections, seconds, asked))
            label = f"{what}, {connections} connection{'s' if connections > 1 else ''}"
            section.rows.append(ratio_row(label, [pair], rate, peer.server.name))


def _bytes(bench, path, headers):
    """The page as it is and as gzip, exactly as Weir sends them."""
    found = []
    for coding in ("identity", "gzip"):
        status, got, body = bench.weir.get(path, {**headers, "Accept-Encoding": coding})
        if status != 200 or got.get("content-encoding", "identity") != coding:
            raise RuntimeError(f"{path} is answered with {status}, {got}")
        found.append(body)
    if gzip.decompress(found[1]) != found[0]:
        bench.problem(f"{path} differs between gzip and identity")
    return found


def _load(bench, server, path, connections, headers, size):
    found = load.wrk(server, path, connections, bench.plan.seconds, headers)
    if found.failed:
        bench.problem(f"{server.name}: {found.failed} of {found.requests} failed at {connections} connections: {path}")
    if found.requests and found.bytes < found.requests * size:
        bench.problem(f"{server.name} sent {found.bytes} bytes in {found.requests} answers of {size}: {path}")
    return found
