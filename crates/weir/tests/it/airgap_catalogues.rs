//! Registries that list many packages in one document are carried across like all others.

use weir_core::Digest;
use weir_testing::FakeResponse;

use crate::airgap::{away, export, import, key};
use crate::place::{PATIENCE, Place, Server, until};

const CHANNEL: &str = "/dev/conda/conda-forge/linux-64";
const OTHER: &str = "/dev/conda/conda-forge/noarch";
const POLICY: &str = "[stage.dev]\nlicense = { deny = [\"AGPL-3.0-only\"] }\n";

fn stock(place: &Place, platform: &str, versions: &[(&str, &str)]) {
    let records: Vec<String> = versions
        .iter()
        .map(|(version, license)| {
            let file = format!("tool-{version}-0.conda");
            let sha256 = Digest::of(file.as_bytes());
            place.fake.put(&format!("/conda/{platform}/{file}"), FakeResponse::ok(file.clone()));
            format!(
                r#""{file}":{{"name":"tool","version":"{version}","build":"0","license":"{license}","sha256":"{sha256}"}}"#
            )
        })
        .collect();
    let repodata = format!(r#"{{"info":{{"subdir":"{platform}"}},"packages.conda":{{{}}}}}"#, records.join(","));
    let tag = format!("\"{}\"", Digest::of(repodata.as_bytes()));
    place.fake.put(&format!("/conda/{platform}/repodata.json"), FakeResponse::ok(repodata).etag(&tag));
    let package = weir_testing::cran::source_package("tool", "1.0", "");
    let entry = "Package: tool\nVersion: 1.0\nLicense: GPL-3\nNeedsCompilation: no\n";
    place.fake.put("/cran/src/contrib/PACKAGES", FakeResponse::ok(entry));
    place.fake.put("/cran/src/contrib/tool_1.0.tar.gz", FakeResponse::ok(package));
}

/// The files of a platform that are shown.
fn shown(server: &Server, platform: &str) -> Vec<String> {
    let page = server.get(&format!("{platform}/repodata.json")).expect(200).json();
    page["packages.conda"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_catalogue_lists_is_served_and_refused_where_no_network_is() {
    let mut place = Place::new().await;
    place.policy(POLICY);
    stock(&place, "linux-64", &[("1.0", "MIT"), ("2.0", "AGPL-3.0-only")]);
    let server = place.serve();
    let page = server.get(&format!("{CHANNEL}/repodata.json")).expect(200).body;
    let decision =
        |server: &Server| server.get(&format!("{CHANNEL}/tool-2.0-0.conda")).expect(403).json()["decision"].clone();
    let refused = decision(&server);
    let packages = server.get("/dev/cran/src/contrib/PACKAGES").expect(200).body;
    let source = server.get("/dev/cran/src/contrib/tool_1.0.tar.gz").expect(200).body;
    server.stop();
    let (first, made) = export(&place, "first.tar.zst", &[]);
    assert_eq!(made["missing"], 0, "{made}");
    let key = key(&place);

    let here = away(&mut place, "away");
    import(&place, &first, &key, &["--adopt-policy"]).expect(0);
    place.weir(["admin", "check", "--deep"]).expect(0);
    let asked = place.fake.requests().len();
    let server = place.serve_with(["--offline"]);
    assert_eq!(server.get(&format!("{CHANNEL}/repodata.json")).expect(200).body, page);
    assert_eq!(decision(&server), refused);
    assert_eq!(server.get("/dev/cran/src/contrib/PACKAGES").expect(200).body, packages);
    assert_eq!(server.get("/dev/cran/src/contrib/tool_1.0.tar.gz").expect(200).body, source);
    assert_eq!(place.fake.requests().len(), asked, "nobody was asked");

    // A second bundle, with a platform that nobody had asked for, to the server that runs.
    assert_ne!(server.get(&format!("{OTHER}/repodata.json")).status, 200);
    let there = std::mem::replace(&mut place.data, here);
    stock(&place, "noarch", &[("3.0", "MIT"), ("4.0", "AGPL-3.0-only")]);
    let online = place.serve();
    assert_eq!(shown(&online, OTHER), ["tool-3.0-0.conda"]);
    online.stop();
    let (second, _) = export(&place, "second.tar.zst", &["--since", "last"]);
    place.data = there;
    import(&place, &second, &key, &[]).expect(0);
    let is_there = || server.get(&format!("{OTHER}/repodata.json")).status == 200;
    until("the server has looked again", PATIENCE, is_there);
    assert_eq!(shown(&server, OTHER), ["tool-3.0-0.conda"]);
    assert_eq!(shown(&server, CHANNEL), ["tool-1.0-0.conda"]);
    server.stop();
}
