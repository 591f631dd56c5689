"""How fast is an artifact that Weir has, beside a file server?"""

from weirbench import load
from weirbench.report import Section, megabytes, ratio_row
from weirbench.weir import file_path

# DESIGN: at least this part of nginx's bytes a second.
BUDGET = 0.70

TEXT = """
`wrk` on a wheel of {size:,} bytes and on one of {small:,} bytes that Weir holds. Each request is judged, answered from the
blob store and recorded. nginx sends the same file by `sendfile`.
"""


def run(bench):
    big = bench.tree.big[0]
    small = bench.tree.files["bench_set_01-2.0.0-py3-none-any.whl"]
    section = Section("artifacts", "Warm artifact", TEXT.format(size=big.size, small=small.size))
    for package, file in (("heavy", big), ("bench-set-01", small)):
        path = file_path(bench.weir, package, file.name)
        status, _, body = bench.weir.get(path)
        if status != 200 or len(body) != file.size:
            bench.problem(f"{path} is answered with {status} and {len(body)} bytes")
        there = bench.nginx.put(file.name, body)
        for connections in bench.plan.connections:
            pairs = bench.in_turns(
                lambda: _load(bench, bench.weir, path, connections),
                lambda: _load(bench, bench.nginx, there, connections),
            )
            label = f"{file.size / 1e6:.1f} MB, {connections} connection{'s' if connections > 1 else ''}"
            section.rows.append(
                ratio_row(label, pairs, megabytes, "nginx", at_least=BUDGET, value=lambda load: load.megabytes)
            )
    return section


def _load(bench, server, path, connections):
    found = load.wrk(server, path, connections, bench.plan.seconds)
    if found.failed:
        bench.problem(f"{server.name}: {found.failed} of {found.requests} failed at {connections} connections: {path}")
    return found
