//! A group of upstreams: an index with builds for one kind of machine, and PyPI for everything else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use weir_testing::FakeUpstream;
use weir_testing::artifact::{wheel, wheel_file};

use crate::gate::{EMPTY, Gate};
use crate::sandbox::Sandbox;
use crate::setting::Setting;

/// What an index of builds has, and PyPI has not.
const WANTED: &str = "weir-torchlike==1.0.0+cu126";

#[test]
fn pip_and_uv_install_from_a_group_and_no_bound_name_is_asked_of_pypi() {
    let Some(setting) = Setting::turn() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let torch = runtime.block_on(FakeUpstream::start());
    torch.pypi().html_only(true).undated(true);
    torch.pypi().release("weir-torchlike", "1.0.0+cu126").requires("idna").add();
    install_from(&setting, &format!("url = \"{}\"", torch.pypi().url()));
}

#[test]
fn pip_and_uv_install_from_a_page_of_links_and_no_bound_name_is_asked_of_pypi() {
    let Some(setting) = Setting::turn() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let torch = runtime.block_on(FakeUpstream::start());
    let (name, version) = ("weir-torchlike", "1.0.0+cu126");
    let link = wheel_file(name, version).replace('+', "%2B");
    torch.put(&format!("/whl/{link}"), wheel(name, version, &[("Requires-Dist", "idna")]));
    let page = format!("<a href=\"../\">..</a>\n<a href=\"{link}\">{name}</a>\n<a href=\"other-1.0.zip\">other</a>\n");
    torch.put("/whl/stable.html", page.into_bytes());
    install_from(&setting, &format!("kind = \"flat\"\nurl = \"{}/whl/stable.html\"", torch.url()));
}

/// Installs what an upstream of a group has, with what that requires, and asks for what it has not.
fn install_from(setting: &Setting, upstream: &str) {
    let config = format!("[[upstream.pypi.group]]\nname = \"torch\"\n{upstream}\npackages = [\"weir-torch*\"]\n");
    let gate = Gate::with(setting, EMPTY, &config, false);
    let index = gate.stage("dev").pypi();
    let uv = setting.tools.python("uv");
    let lines: [(&Path, Vec<&str>); 2] = [
        (&setting.tools.python("pip"), vec!["install", "--no-cache-dir", "--target", "lib"]),
        (&uv, vec!["pip", "install", "--no-cache", "--target", "lib"]),
    ];
    for (program, arguments) in lines {
        let sandbox = Sandbox::new(&setting.tools);
        let install = |wanted| sandbox.run(program, &[&arguments[..], &["--index-url", &index, wanted]].concat());
        let seen = install(WANTED);
        eprintln!("{}", seen.transcript());
        assert!(seen.succeeded(), "{}", seen.transcript());
        assert!(sandbox.project().join("lib/weir_torchlike-1.0.0+cu126.dist-info").is_dir());
        assert!(sandbox.project().join("lib/idna").is_dir(), "what it requires comes from PyPI");
        let seen = install("weir-torchless");
        assert!(!seen.succeeded(), "{}", seen.transcript());
    }
    let metrics = metrics(gate.url());
    let pypi = metrics
        .lines()
        .filter(|line| line.starts_with("weir_upstream_requests_total{") && line.contains("upstream=\"pypi\""));
    let asked: Vec<&str> = pypi.collect();
    // One page and one file: those of `idna`. A page that PyPI lacks would be `absent`.
    assert!(
        asked.iter().all(|line| line.ends_with("outcome=\"changed\"} 1") || line.ends_with("outcome=\"artifact\"} 1")),
        "{asked:?}"
    );
}

/// What Weir tells about itself.
fn metrics(url: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
