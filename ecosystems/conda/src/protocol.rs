//! What conda, mamba, rattler and pixi ask for, and what they show.
//!
//! Specification: CEP 26 and 36 (channels), CEP 6 (notices). Clients try the smaller forms of an index first and take a 404
//! for "not offered"; another error on any of them is fatal to the whole channel.

use serde_json::json;
use weir_core::PackageName;
use weir_core::catalogue::Packing;
use weir_core::registry::{Ask, Form, Method, Part, Problem, Reply, Request, RouteError, Which};

use crate::artifact::FileName;
use crate::name::{SUBDIRS, is_channel, is_subdir};
use crate::shards::{DIRECTORY, LIST};

/// The form of the notices.
pub const NOTICES: &str = "notices.json";

/// Reads a path after `/{stage}/conda/`.
pub fn route(request: &Request<'_>) -> Result<Ask, RouteError> {
    let path = percent_encoding::percent_decode_str(request.path);
    let path = path.decode_utf8().map_err(|_| nothing("this path is not UTF-8"))?;
    let segments: Vec<&str> = path.split('/').collect();
    if let Some(ask) = crate::hosting::route(request, &segments) {
        return ask;
    }
    if !matches!(request.method, Method::Get | Method::Head) {
        return Err(RouteError::MethodNotAllowed(String::from("channels are read, and packages are put into them")));
    }
    match segments.as_slice() {
        [channel, NOTICES] if is_channel(channel) => {
            let parts = SUBDIRS.iter().map(|subdir| format!("{channel}/{subdir}")).collect();
            Ok(Ask::LeftOut { parts, form: Form::whole(NOTICES) })
        }
        [channel, subdir, DIRECTORY, file] if is_channel(channel) && is_subdir(subdir) => {
            let digest = file.strip_suffix(".msgpack.zst").and_then(|digest| digest.parse().ok());
            let digest = digest.ok_or_else(|| nothing("a shard is named by its SHA-256"))?;
            Ok(Ask::Shard { part: format!("{channel}/{subdir}"), digest })
        }
        [channel, subdir, file] if is_channel(channel) && is_subdir(subdir) => within(channel, subdir, file),
        _ => Err(nothing("a channel's paths are CHANNEL/PLATFORM/FILE, such as conda-forge/linux-64/repodata.json")),
    }
}

fn within(channel: &str, subdir: &str, file: &str) -> Result<Ask, RouteError> {
    let part = format!("{channel}/{subdir}");
    match file {
        "repodata.json" => Ok(Ask::Catalogue { part, packing: Packing::Plain }),
        LIST => Ok(Ask::Shards { part }),
        "repodata.json.zst" => Ok(Ask::Catalogue { part, packing: Packing::Zstd }),
        _ => {
            let parsed = FileName::parse(file)
                .ok_or_else(|| nothing("this form of index is not offered; clients go on to repodata.json.zst"))?;
            let package = PackageName::from_normalized(&format!("{part}/{}", parsed.name));
            Ok(Ask::Artifact { package, which: Which::File(file.to_owned()), part: Part::Whole })
        }
    }
}

fn nothing(text: &str) -> RouteError {
    RouteError::NotFound(text.to_owned())
}

/// An error as conda prints it: `reason` stands for the reason phrase, `message` for conda's own help, and of problem details
/// (RFC 9457) the `detail` counts.
pub fn problem(problem: &Problem) -> Reply {
    let mut body = json!({
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "reason": if problem.line.is_empty() { &problem.title } else { &problem.line },
        "message": problem.detail,
    });
    if let Some((id, address)) = &problem.decision {
        body["type"] = address.as_str().into();
        body["instance"] = address.as_str().into();
        body["decision"] = id.as_str().into();
    }
    Reply { content_type: String::from("application/problem+json"), ..Reply::json(problem.status, &body) }
}

/// What makes conda and its kin ask Weir alone.
pub fn setup(base: &str) -> Vec<(&'static str, String)> {
    let condarc = [
        String::from("# in ~/.condarc"),
        String::from("channels:"),
        format!("  - {base}/conda-forge"),
        String::from("default_channels: []"),
        String::from("show_channel_urls: true"),
    ];
    let pixi =
        [String::from("# in pixi.toml"), String::from("[workspace]"), format!("channels = [\"{base}/conda-forge\"]")];
    let lines = |client, lines: Vec<String>| lines.into_iter().map(move |line| (client, line));
    lines("conda", condarc.to_vec()).chain(lines("pixi", pixi.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &str) -> Result<Ask, RouteError> {
        let base = "http://127.0.0.1:8484/dev/conda";
        route(&Request { method: Method::Get, path, query: None, accept: None, base, token: false })
    }

    #[test]
    fn a_path_is_an_index_or_a_file_of_a_platform() {
        let part = String::from("conda-forge/linux-64");
        for (file, packing) in [("repodata.json", Packing::Plain), ("repodata.json.zst", Packing::Zstd)] {
            assert_eq!(ask(&format!("{part}/{file}")), Ok(Ask::Catalogue { part: part.clone(), packing }));
        }
        for file in ["numpy-1.26.4-py312_0.conda", "x264-1!164.3095-h166bdaf_2.tar.bz2"] {
            let Ok(Ask::Artifact { package, which, .. }) = ask(&format!("conda-forge/linux-64/{file}")) else {
                panic!()
            };
            assert_eq!(package.as_str(), format!("conda-forge/linux-64/{}", file.split('-').next().unwrap()));
            assert_eq!(which, Which::File(file.to_owned()));
        }
        assert!(ask("conda-forge/linux-64/x264-1%21164-0.conda").is_ok());
        assert_eq!(ask("conda-forge/linux-64/repodata_shards.msgpack.zst"), Ok(Ask::Shards { part: part.clone() }));
        let digest = weir_core::Digest::of(b"shard");
        assert_eq!(ask(&format!("{part}/shards/{digest}.msgpack.zst")), Ok(Ask::Shard { part, digest }));
        assert!(matches!(ask("conda-forge/notices.json"), Ok(Ask::LeftOut { .. })));
    }

    #[test]
    fn what_is_not_offered_is_not_found() {
        for path in [
            "",
            "conda-forge",
            "conda-forge/",
            "conda-forge/linux-64/repodata.json.bz2",
            "conda-forge/linux-64/current_repodata.json",
            "conda-forge/linux-64/shards/x.msgpack.zst",
            "conda-forge/linux-64/shards/",
            "conda-forge/linux-64/../noarch/repodata.json",
            "conda-forge/linux-64/%2e%2e%2fx-1-0.conda",
            "conda-forge//repodata.json",
            "Conda/linux-64/repodata.json",
            "conda-forge/x/repodata.json",
            "conda-forge/linux-64/numpy-1.26.4.conda",
        ] {
            assert!(matches!(ask(path), Err(RouteError::NotFound(_))), "{path}");
        }
    }

    #[test]
    fn a_refusal_is_told_where_conda_looks() {
        let problem = super::problem(&Problem {
            status: 403,
            line: String::from("denied: no"),
            title: String::from("refused by policy"),
            detail: String::from("It is denied."),
            decision: Some((String::from("abc"), String::from("http://weir/d/abc"))),
        });
        let body: serde_json::Value = serde_json::from_slice(&problem.body).unwrap();
        assert_eq!(problem.content_type, "application/problem+json");
        assert_eq!(
            (&body["reason"], &body["message"], &body["detail"]),
            (&json!("denied: no"), &json!("It is denied."), &json!("It is denied."))
        );
        assert_eq!(body["instance"], "http://weir/d/abc");
    }
}
