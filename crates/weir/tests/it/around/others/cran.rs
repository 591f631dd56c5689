//! A CRAN repository: one list for all packages, their files, and an archive of older ones.

use weir_testing::{FakeUpstream, cran};

use super::{Other, has};
use crate::around::packages::{CANARY, Of};
use crate::around::routes::Kind;

pub const OTHER: Other = Other { id: "cran", name, publish, routes, elsewhere, is_told_by, offers };

/// Seconds since 1970 at which the older versions came in.
const EARLIER: i64 = 1_500_000_000;

fn name(of: Of) -> &'static str {
    match of {
        Of::Refused => "re.fused",
        Of::Private => "acme.billing",
    }
}

fn publish(fake: &FakeUpstream) {
    let mut list = String::new();
    let mut archive = Vec::new();
    let fields = format!("Comment: {CANARY}\n");
    for name in ["acme.billing", "allowed", "re.fused"] {
        list += &format!("Package: {name}\nVersion: 1.0\nLicense: GPL-3\n{fields}\n");
        let root = "/cran/src/contrib";
        fake.put(&format!("{root}/{name}_1.0.tar.gz"), cran::source_package(name, "1.0", &fields));
        fake.put(&format!("{root}/Archive/{name}/{name}_0.9.tar.gz"), cran::source_package(name, "0.9", &fields));
        archive.push((name, [(format!("{name}_0.9.tar.gz"), EARLIER)]));
    }
    fake.put("/cran/src/contrib/PACKAGES", list.into_bytes());
    let archive: Vec<(&str, [(&str, i64); 1])> =
        archive.iter().map(|(name, files)| (*name, [(files[0].0.as_str(), files[0].1)])).collect();
    let archive: Vec<(&str, &[(&str, i64)])> = archive.iter().map(|(name, files)| (*name, files.as_slice())).collect();
    fake.put("/cran/src/contrib/Meta/archive.rds", cran::archive(&archive));
}

fn routes(of: Of) -> Vec<(Kind, String)> {
    let name = name(of);
    vec![
        (Kind::Catalogue, String::from("cran/src/contrib/PACKAGES")),
        (Kind::Catalogue, String::from("cran/src/contrib/PACKAGES.gz")),
        (Kind::Page, format!("cran/weir/{name}")),
        (Kind::Artifact, format!("cran/src/contrib/{name}_1.0.tar.gz")),
        (Kind::Artifact, format!("cran/src/contrib/Archive/{name}/{name}_0.9.tar.gz")),
    ]
}

fn elsewhere(of: Of) -> Vec<String> {
    let name = name(of);
    vec![
        format!("cran/src/contrib/Archive/{name}_0.9.tar.gz"),
        format!("cran/src/contrib/Archive/allowed/{name}_0.9.tar.gz"),
        format!("cran/src/contrib/Archive/{name}"),
        format!("cran/src/contrib/{name}_1.0.tgz"),
        format!("cran/src/contrib/{name}_1.0.zip"),
        format!("cran/src/contrib/{name}_1-0.tar.gz"),
        format!("cran/src/contrib/{name}.tar.gz"),
        format!("cran/src/contrib/{name}_latest.tar.gz"),
        format!("cran/src/contrib/{name}"),
        format!("cran/{name}_1.0.tar.gz"),
        format!("cran/contrib/{name}_1.0.tar.gz"),
        format!("cran/src/{name}_1.0.tar.gz"),
        format!("cran/bin/windows/contrib/4.5/{name}_1.0.zip"),
        format!("cran/bin/macosx/big-sur-arm64/contrib/4.5/{name}_1.0.tgz"),
        format!("cran/web/packages/{name}/DESCRIPTION"),
        format!("cran/package={name}"),
        format!("cran/2020-01-01/src/contrib/{name}_1.0.tar.gz"),
        format!("cran/weir/{name}/1.0"),
    ]
}

fn is_told_by(of: Of, path: &str) -> bool {
    path.contains(name(of))
}

fn offers(bytes: &[u8]) -> bool {
    ["Package: re.fused\n", "Package: acme.billing\n"].iter().any(|record| has(bytes, record.as_bytes()))
}
