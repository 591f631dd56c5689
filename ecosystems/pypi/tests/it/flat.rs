//! Pages that list files of many packages, as `pip --find-links` takes them.

use weir_core::registry::{Document, OnePage};
use weir_pypi::ECOSYSTEM;

use crate::package;

/// As such pages are: relative and absolute addresses, digests and none, a `+` that is percent-encoded, files of several packages,
/// and links to other things.
const PAGE: &str = r##"<html><body>
<a href="../">Parent Directory</a>
<a href="cu126/torchlike-2.7.0%2Bcu126-cp312-cp312-linux_x86_64.whl">torchlike-2.7.0+cu126</a><br>
<a href="https://files.example.org/torchlike-2.7.0%2Bcpu-py3-none-any.whl#sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" data-requires-python="&gt;=3.9">x</a>
<a href="Torch.Like_extra-1.0.tar.gz">Torch.Like_extra-1.0.tar.gz</a>
<a href="torchlike-2.6.0.tar.gz#md5=00">torchlike-2.6.0.tar.gz</a>
<a href="torchlike-1-2.tar.gz">of torchlike, or of torchlike-1?</a>
<a href="torchlike-latest.tar.gz">no version</a>
<a href="torchlike.html">torchlike</a>
<a href="javascript:torchlike-3.0-py3-none-any.whl">no address</a>
</body></html>"##;

fn page(name: &str, content_type: &str, body: &str) -> Result<Option<OnePage>, String> {
    let url = "https://wheels.example.org/whl/stable.html";
    let document = Document { url, content_type, body: body.as_bytes() };
    let flat = ECOSYSTEM.registry.flat().unwrap();
    flat.page(&package(name), &document).map_err(|invalid| invalid.to_string())
}

/// File and address of what the page of a package lists, read as any other page of one.
fn listed(name: &str) -> Vec<(String, String, bool)> {
    let page = page(name, "text/html", PAGE).unwrap().unwrap();
    let document =
        Document { url: "https://elsewhere.example.org/", content_type: page.content_type, body: &page.body };
    let index = ECOSYSTEM.registry.parse(&package(name), &[document]).unwrap();
    let artifacts = index.releases.into_iter().flat_map(|release| release.artifacts);
    artifacts.map(|artifact| (artifact.file, artifact.url, artifact.digests.sha256.is_some())).collect()
}

#[test]
fn a_package_has_the_files_that_are_its_own_without_doubt() {
    let file = |file: &str, url: &str, stated| (file.to_owned(), url.to_owned(), stated);
    assert_eq!(
        listed("torchlike"),
        [
            file(
                "torchlike-2.7.0+cu126-cp312-cp312-linux_x86_64.whl",
                "https://wheels.example.org/whl/cu126/torchlike-2.7.0%2Bcu126-cp312-cp312-linux_x86_64.whl",
                false
            ),
            file(
                "torchlike-2.7.0+cpu-py3-none-any.whl",
                "https://files.example.org/torchlike-2.7.0%2Bcpu-py3-none-any.whl",
                true
            ),
            file("torchlike-2.6.0.tar.gz", "https://wheels.example.org/whl/torchlike-2.6.0.tar.gz", false),
        ]
    );
    assert_eq!(
        listed("torch-like-extra"),
        [file("Torch.Like_extra-1.0.tar.gz", "https://wheels.example.org/whl/Torch.Like_extra-1.0.tar.gz", false)]
    );
}

#[test]
fn what_a_link_says_of_its_file_is_kept() {
    let page = page("torchlike", "text/html", PAGE).unwrap().unwrap();
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains(r#"data-requires-python="&gt;=3.9""#), "{text}");
    assert_eq!(text.matches("<a ").count(), 3, "{text}");
}

#[test]
fn a_package_that_is_not_on_the_page_is_not_there() {
    assert_eq!(page("absent", "text/html", PAGE), Ok(None));
    assert_eq!(page("torch", "text/html", PAGE), Ok(None));
}

#[test]
fn what_lists_no_file_of_anything_is_no_such_page() {
    let login = "<html><body><form action=\"/login\"></form><a href=\"/help\">Help</a></body></html>";
    let json = r#"{"meta":{"api-version":"1.1"},"name":"x","files":[]}"#;
    for (content_type, body, told) in [
        ("text/html", "", "no file of any package"),
        ("text/html", login, "no file of any package"),
        ("application/json", json, "it is JSON"),
        ("image/png", "\u{89}PNG", "media type"),
    ] {
        let problem = page("torchlike", content_type, body).unwrap_err();
        assert!(problem.contains(told), "{problem}");
    }
}
