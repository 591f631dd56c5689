"""How fast is a warm index page, beside a file server with the same bytes?"""

import gzip

from weirbench import load
from weirbench.report import Section, rate, ratio_row
from weirbench.weir import NPM_PAGE, PYPI_PAGE, packument_path, page_path

# DESIGN: at least this part of nginx's requests a second.
BUDGET = 0.80

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
    ):
        name = what.replace(" ", "-")
        there = bench.nginx.put(name, plain)
        bench.nginx.put(f"{name}.gz", packed)
        for coding in codings:
            for connections in bench.plan.connections:
                asked = {**headers, "Accept-Encoding": coding}
                size = len(packed if coding == "gzip" else plain)
                pairs = bench.in_turns(
                    lambda: _load(bench, "Weir", bench.weir.url + path, connections, asked, size),
                    lambda: _load(bench, "nginx", bench.nginx.url + there, connections, asked, size),
                )
                label = f"{what}, {coding}, {connections} connection{'s' if connections > 1 else ''}"
                section.rows.append(ratio_row(label, pairs, rate, "nginx", at_least=BUDGET))
    return section


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


def _load(bench, who, url, connections, headers, size):
    found = load.wrk(url, connections, bench.plan.seconds, headers)
    if found.failed:
        bench.problem(f"{who}: {found.failed} of {found.requests} requests failed at {connections} connections: {url}")
    if found.requests and found.bytes < found.requests * size:
        bench.problem(f"{who} sent {found.bytes} bytes in {found.requests} answers of {size}: {url}")
    return found
