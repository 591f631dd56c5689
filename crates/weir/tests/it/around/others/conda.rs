//! A channel: one index for all packages of a platform, in three forms, and their files.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::json;
use weir_testing::FakeUpstream;
use weir_testing::conda::Subdir;

use super::{Other, has};
use crate::around::packages::{CANARY, Of};
use crate::around::routes::Kind;

pub const OTHER: Other = Other { id: "conda", name, publish, routes, elsewhere, is_told_by, offers };

const SUBDIR: &str = "noarch";

/// What the channel serves, by its path there.
static CHANNEL: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
    let mut channel = Subdir::default();
    let mut files = Vec::new();
    for name in ["re-fused", "acme-billing", "allowed"] {
        files.push(channel.add(name, "1.0", SUBDIR, &json!({ "summary": CANARY, "timestamp": 1_500_000_000_000_u64 })));
    }
    files.extend(channel.indexes(SUBDIR));
    files.into_iter().collect()
});

fn name(of: Of) -> &'static str {
    match of {
        Of::Refused => "re-fused",
        Of::Private => "acme-billing",
    }
}

fn publish(fake: &FakeUpstream) {
    for (file, bytes) in CHANNEL.iter() {
        fake.put(&format!("/conda/{SUBDIR}/{file}"), bytes.clone());
    }
}

/// The shard that upstream has of a package.
fn shard(of: Of) -> &'static str {
    let is_of = |bytes: &[u8]| {
        let bytes = zstd::decode_all(bytes).unwrap();
        has(&bytes, format!("{}-1.0-0.conda", name(of)).as_bytes())
    };
    let mut shards = CHANNEL.iter().filter(|(file, _)| file.starts_with("shards/"));
    shards.find(|(_, bytes)| is_of(bytes)).unwrap().0
}

fn routes(of: Of) -> Vec<(Kind, String)> {
    let channel = format!("conda/conda-forge/{SUBDIR}");
    vec![
        (Kind::Catalogue, format!("{channel}/repodata.json")),
        (Kind::Catalogue, format!("{channel}/repodata.json.zst")),
        (Kind::Catalogue, format!("{channel}/repodata_shards.msgpack.zst")),
        (Kind::Manifest, format!("{channel}/{}", shard(of))),
        (Kind::Artifact, format!("{channel}/{}-1.0-0.conda", name(of))),
    ]
}

fn elsewhere(of: Of) -> Vec<String> {
    let name = name(of);
    let file = format!("{name}-1.0-0.conda");
    vec![
        format!("conda/conda-forge/{SUBDIR}/{name}-1.0-0.tar.bz2"),
        format!("conda/conda-forge/{SUBDIR}/{name}-1.0-1.conda"),
        format!("conda/conda-forge/{SUBDIR}/{name}-1.0.0-0.conda"),
        format!("conda/conda-forge/{SUBDIR}/{file}.zst"),
        format!("conda/conda-forge/{SUBDIR}/allowed-1.0-0.conda/{file}"),
        format!("conda/conda-forge/linux-64/{file}"),
        format!("conda/conda-forge/{file}"),
        format!("conda/{SUBDIR}/{file}"),
        format!("conda/{file}"),
        format!("conda/another/{SUBDIR}/{file}"),
        format!("conda/conda-forge/label/main/{SUBDIR}/{file}"),
        format!("conda/t/token/conda-forge/{SUBDIR}/{file}"),
        format!("conda/conda-forge/{SUBDIR}/shards/{name}.msgpack.zst"),
        format!("conda/conda-forge/linux-64/{}", shard(of)),
        format!("conda/conda-forge/{SUBDIR}/{}", shard(of).replace("shards/", "")),
    ]
}

fn is_told_by(of: Of, path: &str) -> bool {
    path.contains(name(of))
}

/// A list of shards offers a package by the shard that upstream has of it; other indexes by its file.
fn offers(bytes: &[u8]) -> bool {
    [Of::Refused, Of::Private].into_iter().any(|of| {
        let digest = shard(of).trim_start_matches("shards/").trim_end_matches(".msgpack.zst");
        let digest: weir_core::Digest = digest.parse().unwrap();
        let json = serde_json::from_slice::<serde_json::Value>(bytes);
        let file = format!("{}-1.0-0.conda", name(of));
        match json {
            Ok(json) => !json["packages.conda"][&file].is_null(),
            Err(_) => has(bytes, file.as_bytes()) || has(bytes, digest.as_bytes()),
        }
    })
}
