//! What a module proxy says of a module, and what Weir says: the list of versions, and the two small files of each.
//!
//! Specification: the Go modules reference, "`GOPROXY` protocol". `.info` and `.mod` are handed on byte for byte.

use std::collections::{HashMap, HashSet};

use weir_core::PackageName;
use weir_core::registry::{
    Artifact, Document, Form, Index, InvalidDocument, Page, Release, Rendered, ServedRelease, Shown, Wanted,
};

use crate::artifact::ZIP;
use crate::modfile::{Modfile, newest};
use crate::name::escape;
use crate::protocol::{INFO, LATEST, LIST, MOD, is_release};
use crate::version::Version;

/// Most versions that a list may have.
pub const MAX_VERSIONS: usize = 50_000;

/// The address of a module's list.
pub fn list(package: &PackageName) -> Wanted {
    wanted(format!("{}/@v/list", escape(package.as_str())))
}

/// A file of a module proxy. Versions and paths have no character that would have to be percent-encoded.
pub fn wanted(path: String) -> Wanted {
    Wanted { path, accept: "*/*", shared: false }
}

/// Reads a list. Lines that are no version of this module are passed over, as the go command does.
pub fn parse(package: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
    let Some(list) = documents.first() else { return Ok(Index::default()) };
    let invalid =
        |problem: String| InvalidDocument { url: list.url.to_owned(), expected: "a list of versions", problem };
    let text = std::str::from_utf8(list.body).map_err(|_| invalid(String::from("it is not UTF-8")))?;
    let mut seen = HashSet::new();
    let mut releases = Vec::new();
    for version in versions(text).filter(|version| is_release(package, version)) {
        if !seen.insert(version) {
            continue;
        }
        if releases.len() == MAX_VERSIONS {
            return Err(invalid(format!("it has more than {MAX_VERSIONS} versions")));
        }
        releases.push(Release {
            version: version.to_owned(),
            artifacts: vec![zip(list.url, "list", version)],
            ..Release::default()
        });
    }
    if releases.is_empty() && text.trim_start().starts_with('<') {
        return Err(invalid(String::from("it is HTML")));
    }
    Ok(Index { releases, status: None })
}

/// The version of each line; some proxies write its date after it.
fn versions(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter_map(|line| line.split_ascii_whitespace().next())
}

/// The one artifact of a release, at upstream beside the file `beside` that came from `url`.
pub fn zip(url: &str, beside: &str, version: &str) -> Artifact {
    let directory = url.strip_suffix(beside).unwrap_or(url);
    Artifact {
        file: format!("{version}{ZIP}"),
        url: format!("{directory}{}{ZIP}", escape(version)),
        ..Artifact::default()
    }
}

/// What a form shows.
///
/// A list shows all that is allowed. `.info` and the zip are a release's own. A `go.mod` file is part of the index: the
/// version that a build uses is chosen by reading those of all versions that are required anywhere, most of which no build
/// uses. So it is shown while any version of the module may be used, and refused with the module.
pub fn shown(page: &Page<'_>, form: &Form) -> Shown {
    let served = || page.index.releases.iter().zip(page.releases).filter(|(release, _)| !release.artifacts.is_empty());
    let is_allowed = |served: &ServedRelease| served.refused.is_none();
    match (form.kind, &form.detail) {
        (LIST, _) => Shown::Package,
        (LATEST, None) => {
            let tagged = || served().filter(|(release, _)| !is_pseudo(&release.version));
            let allowed = tagged().filter(|(_, served)| is_allowed(served));
            let allowed = newest(allowed.map(|(release, _)| release.version.as_str()));
            // If all are refused, the answer is why the newest is. If there is none, upstream says what stands for it.
            let latest = allowed.or_else(|| newest(tagged().map(|(release, _)| release.version.as_str())));
            latest.map_or(Shown::Nothing, |version| Shown::Release(version.to_owned()))
        }
        (_, Some(version)) if served().any(|(release, _)| release.version == *version) => {
            let is_index = form.kind == MOD && served().any(|(_, served)| is_allowed(served));
            if is_index { Shown::Package } else { Shown::Release(version.clone()) }
        }
        _ => Shown::Nothing,
    }
}

/// Pages: the list without the refused, or a release's file as upstream has it.
pub fn render(page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
    let own = |place: usize| {
        page.documents.get(place).ok_or_else(|| InvalidDocument {
            url: page.documents.first().map_or("", |list| list.url).to_owned(),
            expected: "the files of a version",
            problem: String::from("they are not here"),
        })
    };
    let (content_type, body) = match form.kind {
        INFO | LATEST => ("application/json", own(1)?.body.to_vec()),
        MOD => ("text/plain; charset=utf-8", own(2)?.body.to_vec()),
        _ => ("text/plain; charset=utf-8", listed(page).into_bytes()),
    };
    Ok(Rendered { content_type: content_type.to_owned(), body })
}

/// Upstream's list, in its order, without what is refused. Releases that it does not name are not added: pseudo-versions
/// are never listed.
fn listed(page: &Page<'_>) -> String {
    let served: HashMap<&str, &ServedRelease> =
        page.index.releases.iter().map(|release| release.version.as_str()).zip(page.releases).collect();
    let text = page.documents.first().and_then(|list| std::str::from_utf8(list.body).ok()).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut seen = HashSet::new();
    for version in versions(text) {
        if served.get(version).is_some_and(|served| served.refused.is_none()) && seen.insert(version) {
            out.push_str(version);
            out.push('\n');
        }
    }
    out
}

pub fn is_pseudo(version: &str) -> bool {
    Version::parse(version).is_ok_and(|version| version.is_pseudo())
}

/// What a release's files say of it, for the memory: `documents` are the list, `.info` and `.mod`.
pub fn said(documents: &[Document<'_>], version: &str) -> serde_json::Value {
    let info = documents.get(1).and_then(|info| serde_json::from_slice::<serde_json::Value>(info.body).ok());
    let modfile = documents.get(2).and_then(|file| std::str::from_utf8(file.body).ok()).map(Modfile::parse);
    let requires = modfile
        .map(|file| file.requires.into_iter().map(|(path, version)| format!("{path} {version}")).collect::<Vec<_>>());
    // `Origin` tells repository and commit.
    let origin = info.as_ref().and_then(|info| info.get("Origin")).cloned();
    serde_json::json!({ "version": version, "origin": origin, "requires": requires })
}
