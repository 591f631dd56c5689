//! Harder days: an artifact that turns out wrong at its end, a release that is refused since yesterday, https with an
//! authority of one's own, a token of another stage, a proxy. Upstream is a fake one that has the releases in question.

use weir_testing::artifact::{big_crate_file, big_npm_tarball, big_wheel};
use weir_testing::{Authority, FakeUpstream};

use crate::cells::{cell, each_client};
use crate::clients::{Case, DJANGO, MINIMIST, SMALLVEC, Want};
use crate::gate::{Access, Gate, OPEN_AND_STRICT, Stage};
use crate::page::Cell;
use crate::proxy::Planned;
use crate::sandbox::Sandbox;
use crate::setting::Setting;

/// More than Weir looks into before it sends the first byte.
const LARGE: usize = 9 * 1024 * 1024;
/// Allows everything; what is not what it should be is refused everywhere.
const YESTERDAY: &str = "[stage.open]\n[stage.now]\n";
/// The same stage with a rule more.
const TODAY: &str = "[stage.open]\n[stage.now]\nvulnerability = { block-cvss = 9.0 }\n";

/// Runs all cases with all clients: for each client its cells and what is wrong with them.
pub fn run(setting: &Setting, nginx: Planned) -> Vec<(Vec<Cell>, Vec<String>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut all = runtime.block_on(async { cut(setting, &wrong_at_its_end().await) });
    let fake = runtime.block_on(right());
    let further = [since(setting, &fake), encrypted(setting, &fake, nginx)];
    for (row, (cells, problems)) in further.into_iter().flat_map(|rows| rows.into_iter().enumerate()) {
        all[row].0.extend(cells);
        all[row].1.extend(problems);
    }
    all
}

/// An upstream with the releases that the clients ask for.
async fn right() -> FakeUpstream {
    let fake = FakeUpstream::start().await;
    for version in [DJANGO.allowed, DJANGO.refused] {
        fake.pypi().release(DJANGO.package, version).add();
    }
    for version in [MINIMIST.allowed, MINIMIST.nearest, MINIMIST.refused] {
        fake.npm().release(MINIMIST.package, version).add();
    }
    for version in [SMALLVEC.allowed, SMALLVEC.refused] {
        fake.cargo().release(SMALLVEC.package, version).add();
    }
    fake
}

/// An upstream whose artifacts are large, have the digest of their index, and say at their end that they are another's.
async fn wrong_at_its_end() -> FakeUpstream {
    let fake = FakeUpstream::start().await;
    let (name, version) = (DJANGO.package, DJANGO.allowed);
    let wheel = big_wheel("other", version, &[], LARGE);
    fake.pypi().release(name, version).file(&format!("{name}-{version}-py3-none-any.whl"), wheel).add();
    let (name, version) = (MINIMIST.package, MINIMIST.allowed);
    fake.npm().release(name, version).bytes(big_npm_tarball("other", version, LARGE)).add();
    let (name, version) = (SMALLVEC.package, SMALLVEC.allowed);
    fake.cargo().release(name, version).bytes(big_crate_file("other", version, LARGE)).add();
    fake
}

/// The configuration for a fake upstream.
fn upstreams(fake: &FakeUpstream) -> String {
    let (pypi, npm, cargo) = (fake.pypi().url(), fake.npm().url(), fake.cargo().url());
    format!("[upstream.pypi]\nurl = \"{pypi}\"\n[upstream.npm]\nurl = \"{npm}\"\n[upstream.cargo]\nurl = \"{cargo}\"\n")
}

fn cut(setting: &Setting, fake: &FakeUpstream) -> Vec<(Vec<Cell>, Vec<String>)> {
    each_client(|client| {
        // Of all who ask a gate for an artifact, the first has it cut; after that Weir knows.
        let gate = Gate::with(setting, OPEN_AND_STRICT, &upstreams(fake), true);
        let (stage, sandbox, mut problems) = (gate.stage("strict"), Sandbox::new(&setting.tools), Vec::new());
        let wanted = Want::Exactly(client.subject().allowed);
        let cells = [Case::Cut, Case::Again].map(|case| {
            sandbox.fresh_project();
            let seen = client.install(&sandbox, &stage, wanted);
            cell(client, case, &sandbox, &seen, &mut problems)
        });
        (cells.into(), problems)
    })
}

/// Yesterday everybody installs what is allowed, and keeps what their client keeps; then the policy changes.
fn since(setting: &Setting, fake: &FakeUpstream) -> Vec<(Vec<Cell>, Vec<String>)> {
    let gate = Gate::with(setting, YESTERDAY, &upstreams(fake), true);
    let stage = gate.stage("now");
    let yesterday = each_client(|client| {
        let (made, sandbox) = (Sandbox::new(&setting.tools), Sandbox::new(&setting.tools));
        let locked = client.lock(&made, &stage, client.subject().refused);
        let pinned = client.install(&sandbox, &stage, Want::Exactly(client.subject().refused));
        sandbox.fresh_project();
        let seen = locked.then(pinned).then(client.install_locked(&sandbox, &made, &stage, &stage));
        let installed = client.installed(&sandbox);
        assert!(installed.as_deref() == Some(client.subject().refused), "{}: {}", client.name(), seen.transcript());
        (made, sandbox)
    });
    let purl = format!("pkg:npm/{}@{}", MINIMIST.package, MINIMIST.refused);
    gate.tighten(TODAY, &purl, "now");
    let yesterday = std::sync::Mutex::new(yesterday.into_iter().map(Some).collect::<Vec<_>>());
    each_client(|client| {
        let place = crate::clients::ALL.iter().position(|other| other.name() == client.name()).unwrap();
        let (made, sandbox) = yesterday.lock().unwrap()[place].take().unwrap();
        let mut problems = Vec::new();
        sandbox.fresh_project();
        let seen = client.install(&sandbox, &stage, Want::Exactly(client.subject().refused));
        let pinned = cell(client, Case::Since, &sandbox, &seen, &mut problems);
        sandbox.fresh_project();
        let seen = client.install_locked(&sandbox, &made, &stage, &stage);
        let locked = cell(client, Case::SinceLocked, &sandbox, &seen, &mut problems);
        sandbox.fresh_project();
        let emptied = client.empty().map(|empty| sandbox.empty(empty));
        let seen = client.install_locked(&sandbox, &made, &stage, &stage);
        let seen = match emptied {
            Some(emptied) => emptied.then(seen),
            None => seen,
        };
        let emptied = cell(client, Case::Emptied, &sandbox, &seen, &mut problems);
        (vec![pinned, locked, emptied], problems)
    })
}

/// Over https, by Weir itself and by nginx, everybody with a token.
fn encrypted(setting: &Setting, fake: &FakeUpstream, nginx: Planned) -> Vec<(Vec<Cell>, Vec<String>)> {
    let authority = Authority::new();
    let identity = authority.certificate(&["localhost", "127.0.0.1"]);
    let directory = tempfile::tempdir().unwrap();
    let pem = directory.path().join("authority.pem");
    std::fs::write(&pem, authority.pem()).unwrap();

    let gate = Gate::encrypted(setting, OPEN_AND_STRICT, &upstreams(fake), &identity);
    let access = |gate: &Gate, stage| Access { token: gate.token(stage), authority: pem.clone() };
    let (any, bound) = (access(&gate, None), access(&gate, Some("strict")));

    let public_url = nginx.url();
    let config = format!("{}[server]\ntrusted-proxies = [\"127.0.0.1\"]\n", upstreams(fake));
    let behind = Gate::behind(setting, OPEN_AND_STRICT, &config, &public_url);
    let _proxy = nginx.start(behind.url(), &identity);
    let through = access(&behind, None);

    each_client(|client| {
        let subject = client.subject();
        let (open, strict) = (gate.stage("open").with(&any), gate.stage("strict").with(&any));
        let others = gate.stage("open").with(&bound);
        let (proxied, proxied_strict) =
            (Stage::at(&public_url, "open").with(&through), Stage::at(&public_url, "strict").with(&through));
        let made = Sandbox::new(&setting.tools);
        let locked = client.lock(&made, &open, subject.refused);
        let mut problems = Vec::new();
        if !locked.succeeded() {
            problems.push(format!("{}: {}", client.name(), locked.transcript()));
        }
        let cells = [Case::Encrypted, Case::EncryptedRefused, Case::OtherStage, Case::Proxied, Case::ProxiedRefused]
            .map(|case| {
                let sandbox = Sandbox::new(&setting.tools);
                let allowed = Want::Exactly(subject.allowed);
                let seen = match case {
                    Case::Encrypted => client.install(&sandbox, &strict, allowed),
                    Case::EncryptedRefused => client.install_locked(&sandbox, &made, &open, &strict),
                    Case::OtherStage => client.install_locked(&sandbox, &made, &open, &others),
                    Case::Proxied => client.install(&sandbox, &proxied, allowed),
                    _ => client.install_locked(&sandbox, &made, &open, &proxied_strict),
                };
                cell(client, case, &sandbox, &seen, &mut problems)
            });
        (cells.into(), problems)
    })
}
