//! A registry that is nobody's: its index is a list of versions, and each release tells of itself in a document of its own.

use weir_core::digest::{Checksum, StatedDigests};
use weir_core::ecosystem::DefaultUpstream;
use weir_core::purl::types::{self, Namespace, Rules};
use weir_core::registry::{
    Artifact, Ask, Contradiction, Declared, Document, Entry, Expected, Files, Form, Index, Inspection, InvalidDocument,
    Page, Part, Problem, Proof, Registry, Relay, Release, ReleaseDocument, Releases, Rendered, Reply, Request,
    Resolved, RouteError, Shown, Sum, Sums, Wanted, Which,
};
use weir_core::{Digest, Ecosystem, PackageName, Timestamp};

pub static ECOSYSTEM: Ecosystem = Ecosystem {
    id: "toy",
    title: "Toy",
    osv: "Toy",
    purl_type: "toy",
    purl_rules: Rules::new(Namespace::Optional, types::AS_IS),
    names: weir_cargo::ECOSYSTEM.names,
    versions: weir_cargo::ECOSYSTEM.versions,
    registry: &Toy,
    upstream: DefaultUpstream { name: "toy", url: "https://toy.example/", hosts: &[] },
    lockfiles: &[],
};

pub struct Toy;

fn package(name: &str) -> PackageName {
    PackageName::from_normalized(name)
}

fn wanted(path: String) -> Wanted {
    Wanted { path, accept: "*/*", shared: false }
}

fn file(version: &str, list: &str) -> Artifact {
    let url = format!("{}{version}.crate", list.strip_suffix("list").unwrap_or(list));
    Artifact { file: format!("{version}.crate"), url, ..Artifact::default() }
}

fn text<'a>(document: &Document<'a>) -> &'a str {
    std::str::from_utf8(document.body).unwrap()
}

impl Registry for Toy {
    /// `sums/{name}/{version}`, `{name}/tree/{version}/{file}` with `.md5` and `.asc` beside it, `{name}/list`, `{name}/all` (which asks for every release), `{name}/newest`, `{name}/about/{version}`, `{name}/{version}.crate`.
    fn route(&self, request: &Request<'_>) -> Result<Ask, RouteError> {
        let form = |kind, detail: Option<&str>| Form { kind, detail: detail.map(str::to_owned) };
        match request.path.split('/').collect::<Vec<_>>().as_slice() {
            ["sums", name, _] => Ok(Ask::Relay(Relay {
                wanted: wanted(request.path.to_owned()),
                lasting: true,
                content_type: "text/plain",
                about: Some(package(name)),
            })),
            [name, "list"] => Ok(Ask::Index { package: package(name), form: form("list", None) }),
            [name, "all"] => Ok(Ask::Index { package: package(name), form: form("all", None) }),
            [name, "newest"] => Ok(Ask::Index { package: package(name), form: form("newest", None) }),
            [name, "tree", version, file] => {
                let (file, part) = match (file.strip_suffix(".md5"), file.strip_suffix(".asc")) {
                    (Some(file), _) => (file, Part::Checksum(Checksum::Md5)),
                    (_, Some(file)) => (file, Part::Beside("asc")),
                    _ => (*file, Part::Whole),
                };
                let which = Which::FileOf { version: (*version).to_owned(), file: file.to_owned() };
                Ok(Ask::Artifact { package: package(name), which, part })
            }
            [name, "about", version] => Ok(Ask::Index { package: package(name), form: form("about", Some(version)) }),
            [name, file] => {
                Ok(Ask::Artifact { package: package(name), which: Which::File((*file).to_owned()), part: Part::Whole })
            }
            _ => Err(RouteError::NotFound(String::from("nothing"))),
        }
    }

    fn documents(&self, package: &PackageName) -> Vec<Wanted> {
        vec![wanted(format!("{package}/list"))]
    }

    fn parse(&self, _: &PackageName, documents: &[Document<'_>]) -> Result<Index, InvalidDocument> {
        let [list] = documents else { panic!("{documents:?}") };
        let releases = text(list).lines().map(|version| Release {
            version: version.to_owned(),
            artifacts: vec![file(version, list.url)],
            ..Release::default()
        });
        Ok(Index { releases: releases.collect(), status: None })
    }

    fn said(&self, _: &[Document<'_>], _: &Index, _: &str) -> serde_json::Value {
        serde_json::json!({})
    }

    fn shown(&self, page: &Page<'_>, form: &Form) -> Shown {
        let has = |version: &str| page.index.releases.iter().any(|release| release.version == version);
        match (&form.detail, form.kind) {
            (Some(version), _) if has(version) => Shown::Release(version.clone()),
            (None, "list" | "all") => Shown::Package,
            _ => Shown::Nothing,
        }
    }

    fn render(&self, page: &Page<'_>, form: &Form) -> Result<Rendered, InvalidDocument> {
        let shown = page.index.releases.iter().zip(page.releases).filter(|(_, served)| served.refused.is_none());
        let body = match (&form.detail, page.documents) {
            (None, _) => shown.map(|(release, _)| format!("{}\n", release.version)).collect(),
            (Some(_), [_, about]) => text(about).to_owned(),
            (Some(_), _) => panic!("{:?}", page.documents),
        };
        Ok(Rendered { content_type: String::from("text/plain"), body: body.into_bytes() })
    }

    fn problem(&self, problem: &Problem) -> Reply {
        Reply::text(problem.status, format!("{}\n{}\n", problem.line, problem.detail))
    }

    fn inspection(&self, _: &str) -> Option<Inspection> {
        None
    }

    fn declared(&self, _: &str, _: &[Entry], _: &Expected<'_>) -> Declared {
        Declared::default()
    }

    fn claimed_version(&self, _: &PackageName, file: &str) -> Option<String> {
        file.strip_suffix(".crate").map(str::to_owned)
    }

    fn setup(&self, _: &str) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn install_command(&self, package: &PackageName, version: &str) -> String {
        format!("toy {package} {version}")
    }

    fn releases(&self) -> Option<&dyn Releases> {
        Some(self)
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }

    fn checksum_headers(&self) -> &'static [(&'static str, Checksum)] {
        &[("x-checksum-sha1", Checksum::Sha1)]
    }

    fn sums(&self) -> Option<&dyn Sums> {
        Some(self)
    }
}

/// A database that has on record what packages called `summed…` tell of themselves. Its state is a number that grows.
impl Sums for Toy {
    fn key(&self) -> &'static str {
        "toy"
    }

    fn check_key(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn sums(&self, expected: &Expected<'_>, _: &[(String, Digest)], documents: &[Document<'_>]) -> Vec<Sum> {
        let own = documents.get(1).filter(|_| expected.package.as_str().starts_with("summed"));
        own.map(|about| Sum { of: String::from("about"), sum: text(about).to_owned() }).into_iter().collect()
    }

    fn prove(
        &self,
        _: &str,
        expected: &Expected<'_>,
        head: Option<&str>,
        documents: &[(&str, &[u8])],
    ) -> Result<Proof, Contradiction> {
        let before: u32 = head.map_or(0, |head| head.parse().unwrap());
        if !expected.package.as_str().starts_with("summed") {
            return Ok(Proof::Given { sums: Vec::new(), head: before.to_string() });
        }
        let [(_, record)] = documents else {
            return Ok(Proof::Wants(vec![wanted(format!("sums/{}/{}", expected.package, expected.version))]));
        };
        let (state, sum) = std::str::from_utf8(record).unwrap().split_once(' ').unwrap();
        let state: u32 = state.parse().unwrap();
        match state < before {
            true => Err(Contradiction(String::from("the log has shrunk"))),
            false => Ok(Proof::Given {
                sums: vec![Sum { of: String::from("about"), sum: sum.to_owned() }],
                head: state.to_string(),
            }),
        }
    }
}

impl Releases for Toy {
    fn documents(&self, package: &PackageName, version: &str) -> Vec<Wanted> {
        vec![wanted(format!("{package}/about/{version}"))]
    }

    /// The document is a date.
    fn read(
        &self,
        package: &PackageName,
        version: &str,
        listed: Option<&Release>,
        documents: &[ReleaseDocument<'_>],
    ) -> Result<Release, InvalidDocument> {
        let [about] = documents else { panic!("{documents:?}") };
        let url = about.document.url;
        let published = Timestamp::parse(text(&about.document).trim()).ok_or_else(|| InvalidDocument {
            url: url.to_owned(),
            expected: "a date",
            problem: String::from("it is none"),
        })?;
        let list = format!("{}{package}/list", url.split_once(package.as_str()).unwrap().0);
        let release = listed.cloned().unwrap_or_else(|| Release {
            version: version.to_owned(),
            artifacts: vec![file(version, &list)],
            ..Release::default()
        });
        Ok(Release { published: Some(published), ..release })
    }

    /// The two newest, or the one.
    fn asked(&self, form: &Form, index: &Index) -> Vec<String> {
        match &form.detail {
            Some(version) => vec![version.clone()],
            None => {
                let some = if form.kind == "all" { usize::MAX } else { 2 };
                index.releases.iter().rev().take(some).map(|release| release.version.clone()).collect()
            }
        }
    }

    fn query(&self, package: &PackageName, form: &Form) -> Option<Wanted> {
        (form.kind == "newest").then(|| wanted(format!("{package}/newest")))
    }

    fn resolved(&self, _: &Form, document: &Document<'_>) -> Result<Resolved, InvalidDocument> {
        let version = text(document).trim().to_owned();
        Ok(Resolved { form: Form { kind: "about", detail: Some(version.clone()) }, version })
    }
}

/// Files lie in a tree, each with its SHA-256 in a document beside it.
impl Files for Toy {
    fn release_of(&self, _: &PackageName, index: &Index, file: &str) -> Option<usize> {
        let (version, _) = file.split_once('_')?;
        index.releases.iter().position(|release| release.version == version)
    }

    fn documents(&self, package: &PackageName, _: &str, file: &str) -> Vec<Wanted> {
        vec![wanted(format!("{package}/tree/{file}.sha512")), wanted(format!("{package}/tree/{file}.sha256"))]
    }

    fn read(
        &self,
        _: &PackageName,
        release: &Release,
        file: &str,
        number: usize,
        document: &ReleaseDocument<'_>,
    ) -> Result<Artifact, InvalidDocument> {
        let url = document.document.url;
        let sha256 = text(&document.document).trim().parse().ok().filter(|_| number == 1);
        let sha256 = sha256.ok_or_else(|| InvalidDocument {
            url: url.to_owned(),
            expected: "a digest",
            problem: String::from("it is none"),
        })?;
        Ok(Artifact {
            file: file.to_owned(),
            url: url.trim_end_matches(".sha256").to_owned(),
            digests: StatedDigests { sha256: Some(sha256), ..StatedDigests::default() },
            published: release.published,
            ..Artifact::default()
        })
    }
}
