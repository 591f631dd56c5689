//! The two files that tell of a version: `.info`, with its date, and `.mod`.
//!
//! The date is that of the commit, so it is its author's word. For listed versions the gate's memory stands beside it: what
//! the list did not have yet yesterday is not from last year. A pseudo-version is never listed, and its date is believed.

use serde::Deserialize;
use weir_core::registry::{
    Document, Form, Index, InvalidDocument, Release, ReleaseDocument, Releases, Resolved, Wanted,
};
use weir_core::{PackageName, Timestamp};

use crate::index::{is_pseudo, wanted, zip};
use crate::modfile::{Modfile, newest};
use crate::name::escape;
use crate::protocol::{INFO, LATEST, LIST, is_release};
use crate::version::Version;

/// What `.info` says. Further keys (`Origin`) are kept with the file.
#[derive(Deserialize)]
struct Info {
    #[serde(rename = "Version")]
    version: String,
    #[serde(rename = "Time", default)]
    time: Option<String>,
}

/// How a module proxy tells of single versions.
pub struct ReleaseFiles;

impl Releases for ReleaseFiles {
    fn documents(&self, package: &PackageName, version: &str) -> Vec<Wanted> {
        if !is_release(package, version) {
            return Vec::new();
        }
        let file = |kind: &str| wanted(format!("{}/@v/{}.{kind}", escape(package.as_str()), escape(version)));
        vec![file("info"), file("mod")]
    }

    fn read(
        &self,
        _package: &PackageName,
        version: &str,
        listed: Option<&Release>,
        documents: &[ReleaseDocument<'_>],
    ) -> Result<Release, InvalidDocument> {
        let [info, modfile] = documents else {
            return Err(InvalidDocument {
                url: String::new(),
                expected: "the .info and .mod of a version",
                problem: format!("there are {} documents", documents.len()),
            });
        };
        let said = read_info(&info.document)?;
        if said.version != version {
            return Err(invalid(&info.document, format!("it is of `{}`, not of `{version}`", clip(&said.version))));
        }
        // Some repositories have no dates for their oldest revisions; then first sight counts.
        let published = said.time.as_deref().map(|time| {
            Timestamp::parse(time).ok_or_else(|| invalid(&info.document, format!("`{}` is no time", clip(time))))
        });
        let published = published.transpose()?.filter(|time| *time > Timestamp::from_millis(0));
        if std::str::from_utf8(modfile.document.body).is_err() {
            return Err(InvalidDocument {
                url: modfile.document.url.to_owned(),
                expected: "a go.mod file",
                problem: String::from("it is not UTF-8"),
            });
        }
        let release = listed.cloned().unwrap_or_else(|| Release {
            version: version.to_owned(),
            artifacts: vec![zip(info.document.url, &format!("{}.info", escape(version)), version)],
            ..Release::default()
        });
        Ok(Release { published, ..release })
    }

    /// For a list, those that the go command chooses by it: the newest patch of each minor version, the newest first
    /// (`@latest`, `@v1`, `@v1.2`, `@patch`).
    fn asked(&self, form: &Form, index: &Index) -> Vec<String> {
        match &form.detail {
            // What is no version is a query.
            Some(version) => Version::parse(version).ok().map(|_| version.clone()).into_iter().collect(),
            None if matches!(form.kind, LIST | LATEST) => chosen(index),
            None => Vec::new(),
        }
    }

    fn query(&self, package: &PackageName, form: &Form) -> Option<Wanted> {
        let package = escape(package.as_str());
        match (form.kind, &form.detail) {
            (LATEST, None) => Some(wanted(format!("{package}/@latest"))),
            (INFO, Some(query)) if Version::parse(query).is_err() => {
                Some(wanted(format!("{package}/@v/{}.info", escape(query))))
            }
            _ => None,
        }
    }

    fn resolved(&self, _form: &Form, document: &Document<'_>) -> Result<Resolved, InvalidDocument> {
        let version = read_info(document)?.version;
        if Version::parse(&version).is_err() {
            return Err(invalid(document, format!("its version `{}` is not canonical", clip(&version))));
        }
        Ok(Resolved { form: Form { kind: INFO, detail: Some(version.clone()) }, version })
    }

    /// The newest version's `go.mod` speaks for the module: whether it is deprecated, and which versions are retracted.
    fn conclude(&self, _package: &PackageName, index: &mut Index, told: &[(&str, Vec<Document<'_>>)]) {
        let versions = index.releases.iter().filter(|release| !release.artifacts.is_empty());
        let Some(newest) = newest(versions.map(|release| release.version.as_str())) else { return };
        let of = told.iter().find(|(version, _)| *version == newest);
        let Some(text) = of.and_then(|(_, files)| std::str::from_utf8(files.get(1)?.body).ok()) else { return };
        let file = Modfile::parse(text);
        for release in &mut index.releases {
            if let Some(why) = file.retracts(&release.version) {
                release.yanked = Some(why.to_owned());
            }
            release.deprecated.clone_from(&file.deprecated);
        }
    }
}

/// The newest patch of each minor version, releases before pre-releases, each the newest first.
fn chosen(index: &Index) -> Vec<String> {
    let mut versions: Vec<(Version, &str)> = index
        .releases
        .iter()
        .filter(|release| !is_pseudo(&release.version))
        .filter_map(|release| Some((Version::parse(&release.version).ok()?, release.version.as_str())))
        .collect();
    versions.sort_by(|(a, _), (b, _)| (a.is_prerelease(), b).cmp(&(b.is_prerelease(), a)));
    let mut lines = std::collections::HashSet::new();
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for (version, text) in &versions {
        let is_new = lines.insert((version.is_prerelease(), version.minor_line()));
        if is_new { &mut first } else { &mut rest }.push((*text).to_owned());
    }
    // After these, what comes next when the newest are refused.
    first.extend(rest);
    first
}

fn read_info(document: &Document<'_>) -> Result<Info, InvalidDocument> {
    serde_json::from_slice(document.body).map_err(|error| invalid(document, error.to_string()))
}

fn invalid(document: &Document<'_>, problem: String) -> InvalidDocument {
    InvalidDocument { url: document.url.to_owned(), expected: "the .info of a version", problem }
}

fn clip(text: &str) -> String {
    text.chars().take(100).collect()
}
