//! A module proxy. A capital letter of a module's path stands in addresses as `!` and the small one.

use weir_testing::{FakeUpstream, artifact};

use super::{Other, has};
use crate::around::packages::{CANARY, Of};
use crate::around::routes::Kind;

pub const OTHER: Other = Other { id: "go", name, publish, routes, elsewhere, is_told_by, offers };

/// The module, as addresses have it.
fn name(of: Of) -> &'static str {
    match of {
        Of::Refused => "example.com/!re-!fused",
        Of::Private => "acme.example/billing",
    }
}

fn publish(fake: &FakeUpstream) {
    for (escaped, module) in [
        ("example.com/!re-!fused", "example.com/Re-Fused"),
        ("acme.example/billing", "acme.example/billing"),
        ("example.com/allowed", "example.com/allowed"),
    ] {
        let put = |path: &str, body: Vec<u8>| fake.put(&format!("/go/{escaped}/{path}"), body);
        let info = || br#"{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z"}"#.to_vec();
        let modfile = format!("module {module}\n");
        put("@v/list", b"v1.0.0\n".to_vec());
        put("@latest", info());
        put("@v/v1.0.0.info", info());
        put("@v/v1.0.0.mod", modfile.clone().into_bytes());
        let root = format!("{module}@v1.0.0");
        let canary = format!("package x // {CANARY}\n").into_bytes();
        let files = [(format!("{root}/go.mod"), modfile.into_bytes()), (format!("{root}/x.go"), canary)];
        put("@v/v1.0.0.zip", artifact::zip(&files));
    }
}

fn routes(of: Of) -> Vec<(Kind, String)> {
    let name = name(of);
    vec![
        (Kind::Page, format!("go/{name}/@v/list")),
        (Kind::Page, format!("go/{name}/@latest")),
        (Kind::Manifest, format!("go/{name}/@v/v1.0.0.info")),
        (Kind::Beside, format!("go/{name}/@v/v1.0.0.mod")),
        (Kind::Artifact, format!("go/{name}/@v/v1.0.0.zip")),
    ]
}

fn elsewhere(of: Of) -> Vec<String> {
    let name = name(of);
    vec![
        format!("go/{name}/@v/v1.0.0"),
        format!("go/{name}/@v/v1.zip"),
        format!("go/{name}/@v/v1.0.zip"),
        format!("go/{name}/@v/v1.0.0+incompatible.zip"),
        format!("go/{name}/@v/v1.0.0-0.20200101000000-abcdefabcdef.zip"),
        format!("go/{name}/@v/latest.zip"),
        format!("go/{name}/@v/master.zip"),
        format!("go/{name}/@v/v1.0.0.ziphash"),
        format!("go/{name}/@v/v1.0.0.lock"),
        format!("go/{name}/v2/@v/v1.0.0.zip"),
        format!("go/{name}@v1.0.0"),
        format!("go/{name}@v1.0.0.zip"),
        format!("go/{name}"),
        format!("go/{name}?go-get=1"),
        format!("go/example.com/allowed/@v/{name}@v1.0.0.zip"),
        format!("go/cache/download/{name}/@v/v1.0.0.zip"),
        format!("go/sumdb/other.example/{name}/@v/v1.0.0.zip"),
        format!("go/sumdb/sum.golang.org/../../{name}/@v/v1.0.0.zip"),
        format!("go/sumdb/sum.golang.org/tile/8/0/{name}"),
    ]
}

/// A file of what is refused, or anything at all of what is private.
fn is_told_by(of: Of, path: &str) -> bool {
    let path = path.to_lowercase().replace('!', "");
    match of {
        Of::Refused => path.contains("re-fused") && path.ends_with(".zip"),
        Of::Private => path.contains("acme.example"),
    }
}

fn offers(bytes: &[u8]) -> bool {
    has(bytes, b"v1.0.0")
}
