//! Packages of one's own: what the field's tools send, and what a channel would list of it.
//!
//! There is no one protocol. A channel is files, so a file is put where it is fetched from (`PUT
//! hosted/{platform}/{file}`, which is also how these tools write to Artifactory), or posted as prefix.dev takes it (`POST
//! api/v1/upload/hosted`). Either way the package itself says what it is, and its record is its own `info/index.json`, with
//! what `conda-index` adds.

use serde_json::{Map, Value, json};
use weir_core::digest::{StatedDigests, hex};
use weir_core::ecosystem::{Names as _, Versions as _};
use weir_core::hosting::{
    Body, Change, Content, Done, Hosted, HostedDocument, HostedFile, HostedRelease, Hosting, Identity, Unreadable,
    Upload, Write,
};
use weir_core::registry::{Ask, Entry, Method, Problem, Reply, Request, RouteError};
use weir_core::{Digest, PackageName};

use crate::artifact::FileName;
use crate::index::YANKED;
use crate::inside::{self, Inside, Window};
use crate::name::{CondaNames, is_subdir};
use crate::protocol;
use crate::version::VersionOrder;

/// The channel of packages that are hosted here. It has no upstream.
pub const CHANNEL: &str = "hosted";
/// A file is put at its address.
const PUT: &str = "put";
/// A file is posted in a form.
const POST: &str = "post";
/// Most bytes before the file in a form.
const MAX_HEAD: u64 = 8 * 1024;
/// Keys of `info/index.json` that say something of the file or of its index rather than of the package: the index sets these.
const SET_HERE: [&str; 6] = ["fn", "url", "md5", "sha256", "size", "indexed_timestamp"];

/// How a channel takes in packages.
#[derive(Clone, Copy, Debug)]
pub struct ChannelHosting;

/// What a request that writes asks for; `None` if it is no such request.
pub fn route(request: &Request<'_>, segments: &[&str]) -> Option<Result<Ask, RouteError>> {
    match (request.method, segments) {
        (Method::Put, [CHANNEL, subdir, file]) if is_subdir(subdir) => {
            let named = FileName::parse(file).filter(|_| file.ends_with(".conda"));
            let Some(named) = named else {
                let text = "a package is put as {name}-{version}-{build}.conda; a .tar.bz2 file is brought into that form by `cph \
                            transmute`";
                return Some(Err(RouteError::BadRequest(String::from(text))));
            };
            let package = PackageName::from_normalized(&format!("{CHANNEL}/{subdir}/{}", named.name));
            Some(Ok(Ask::Write(Write { what: PUT, package: Some(package), detail: Some((*file).to_owned()) })))
        }
        (Method::Post, ["api", "v1", "upload", CHANNEL]) => {
            Some(Ok(Ask::Write(Write { what: POST, package: None, detail: None })))
        }
        (Method::Put | Method::Post, _) => Some(Err(RouteError::NotFound(format!(
            "packages are published into the channel `{CHANNEL}`: PUT {CHANNEL}/PLATFORM/FILE, or POST api/v1/upload/{CHANNEL}"
        )))),
        _ => None,
    }
}

fn invalid(problem: impl Into<String>) -> Unreadable {
    Unreadable::Invalid(problem.into())
}

impl Hosting for ChannelHosting {
    fn read(&self, write: &Write, body: &mut Body<'_>) -> Result<Change, Unreadable> {
        let (content, stated) = match write.what {
            POST => form(body)?,
            _ => (0..body.length, StatedDigests::default()),
        };
        let mut window = Window::new(&mut *body.bytes, content.clone());
        let inside = inside::read(&mut window).map_err(invalid)?;
        let upload = upload(&inside, content, stated)?;
        if let Some(package) = &write.package
            && (*package != upload.package || write.detail.as_ref() != Some(&upload.file))
        {
            let at = write.detail.as_deref().unwrap_or_default();
            return Err(invalid(format!(
                "it is put as `{package}` in `{at}`, and its info/index.json says `{}` in `{}`",
                upload.package, upload.file
            )));
        }
        Ok(Change::Publish(Box::new(upload)))
    }

    /// None: a channel lists its packages in one document, of which [`Hosting::pieces`] are those of one.
    fn documents(&self, _: &PackageName, _: &Hosted) -> Vec<HostedDocument> {
        Vec::new()
    }

    fn pieces(&self, _: &PackageName, hosted: &Hosted) -> Vec<Vec<u8>> {
        let of = |release: &HostedRelease| -> Vec<Vec<u8>> {
            release.files.iter().filter_map(|file| record(file, release.yanked.as_deref())).collect()
        };
        hosted.releases.iter().flat_map(of).collect()
    }

    fn is_apart(&self) -> bool {
        true
    }

    fn catalogue(&self, part: &str, pieces: &[Vec<u8>]) -> Option<Vec<u8>> {
        let (_, subdir) = part.split_once('/').filter(|(channel, subdir)| *channel == CHANNEL && is_subdir(subdir))?;
        let mut out = format!(r#"{{"info":{{"subdir":"{subdir}"}},"packages":{{}},"packages.conda":{{"#).into_bytes();
        out.extend_from_slice(&pieces.join(&b','));
        out.extend_from_slice(br#"},"removed":[],"repodata_version":1}"#);
        Some(out)
    }

    fn identify(&self, file: &str, entries: &[Entry]) -> Option<Identity> {
        let index =
            entries.iter().find(|entry| entry.path == "info/index.json").filter(|_| file.ends_with(".conda"))?;
        let inside = Inside { index: serde_json::from_slice(&index.bytes).ok()?, about: None };
        Some(upload(&inside, 0..0, StatedDigests::default()).ok()?.identity())
    }

    fn done(&self, done: &Done<'_>) -> Reply {
        let package = done.change.package();
        let mut text = match done.change {
            Change::Publish(upload) => format!("{} is published as {package}\n", upload.file),
            _ => String::from("done\n"),
        };
        for warning in done.warnings {
            text.push_str(&format!("note: {warning}\n"));
        }
        Reply::text(if matches!(done.change, Change::Publish(_)) { 201 } else { 200 }, text)
    }

    fn problem(&self, problem: &Problem) -> Reply {
        protocol::problem(problem)
    }
}

/// Where the one file of a form lies in the body, and what the form says that it is.
fn form(body: &mut Body<'_>) -> Result<(std::ops::Range<u64>, StatedDigests), Unreadable> {
    let boundary = body.content_type.split(';').skip(1).find_map(|part| part.trim().strip_prefix("boundary="));
    let boundary = boundary.map(|text| text.trim_matches('"')).filter(|text| (1..=70).contains(&text.len()));
    let boundary = boundary.ok_or_else(|| invalid("it is no multipart/form-data with a boundary"))?;
    let head = body.part(0..body.length.min(MAX_HEAD))?;
    let open = format!("--{boundary}\r\n");
    let from = memchr::memmem::find(&head, b"\r\n\r\n").map(|at| at + 4).filter(|_| head.starts_with(open.as_bytes()));
    let from = from.ok_or_else(|| invalid(format!("its form does not begin with a file within {MAX_HEAD} bytes")))?;
    let close = format!("\r\n--{boundary}--");
    let tail_at = body.length.saturating_sub(close.len() as u64 + 2).max(from as u64);
    let tail = body.part(tail_at..body.length)?;
    let end = memchr::memmem::find(&tail, close.as_bytes())
        .ok_or_else(|| invalid("its form does not end with its one file; packages are published one by one"))?;
    let content = from as u64..tail_at + end as u64;
    let mut stated = StatedDigests::default();
    for line in String::from_utf8_lossy(head.get(open.len()..from).unwrap_or_default()).lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("x-file-sha256")
        {
            let digest = value.trim().parse::<Digest>();
            stated.sha256 = Some(digest.map_err(|_| invalid("its X-File-SHA256 is no SHA-256"))?);
        }
    }
    Ok((content, stated))
}

/// A package by what it says of itself.
fn upload(inside: &Inside, content: std::ops::Range<u64>, stated: StatedDigests) -> Result<Upload, Unreadable> {
    let text = |key: &str| {
        let value = inside.index.get(key).and_then(Value::as_str);
        value.ok_or_else(|| invalid(format!("its info/index.json has no `{key}`")))
    };
    let (name, version, build, subdir) = (text("name")?, text("version")?, text("build")?, text("subdir")?);
    let file = format!("{name}-{version}-{build}.conda");
    let says_the_same = FileName::parse(&file)
        .is_some_and(|parsed| (parsed.name, parsed.version, parsed.build) == (name, version, build));
    if !says_the_same || !is_subdir(subdir) || VersionOrder.sort_key(version).is_err() {
        let shown: String = format!("{subdir}/{file}").chars().take(200).collect();
        return Err(invalid(format!("its info/index.json makes it `{shown}`, which cannot be a file of a channel")));
    }
    let package =
        CondaNames.parse(&format!("{CHANNEL}/{subdir}/{name}")).map_err(|error| invalid(error.to_string()))?;
    let said = |object: Option<&Map<String, Value>>, key: &str| {
        object
            .and_then(|object| object.get(key))
            .is_some_and(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()))
    };
    let about = inside.about.as_ref();
    let index: Map<String, Value> = inside
        .index
        .iter()
        .filter(|(key, _)| !SET_HERE.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Ok(Upload {
        package,
        version: version.to_owned(),
        metadata: json!({}),
        tags: Vec::new(),
        file,
        content: Content::At(content),
        stated,
        file_metadata: json!({ "index": index }),
        provenance: None,
        joins: true,
        waits: false,
        opaque: false,
        license: said(Some(&inside.index), "license") || said(about, "license"),
        source: ["home", "dev_url", "source_url"].iter().any(|key| said(about, key)),
    })
}

/// What the index says of a file. One that is withdrawn can still be had, and is on no page.
fn record(file: &HostedFile, yanked: Option<&str>) -> Option<Vec<u8>> {
    let mut record = file.metadata.get("index")?.as_object()?.clone();
    if let Some(md5) = file.digests.md5.as_deref() {
        record.insert(String::from("md5"), hex(md5).into());
    }
    record.insert(String::from("sha256"), file.sha256.to_string().into());
    record.insert(String::from("size"), file.size.into());
    record.insert(String::from("indexed_timestamp"), file.published.millis().into());
    if let Some(reason) = yanked {
        record.insert(YANKED.to_owned(), reason.into());
    }
    let mut piece = serde_json::to_vec(&file.file).ok()?;
    piece.push(b':');
    serde_json::to_writer(&mut piece, &record).ok()?;
    Some(piece)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use weir_core::Timestamp;

    use super::*;
    use crate::inside::tests::conda;

    const INDEX: &str = r#"{"name":"demo","version":"1.0","build":"h1_0","build_number":0,"subdir":"noarch","license":"MIT","depends":["python"],"md5":"no"}"#;

    fn read(write: &Write, content_type: &str, bytes: Vec<u8>) -> Result<Upload, String> {
        let length = bytes.len() as u64;
        let mut bytes = Cursor::new(bytes);
        let mut body = Body { content_type, length, bytes: &mut bytes };
        match ChannelHosting.read(write, &mut body) {
            Ok(Change::Publish(upload)) => Ok(*upload),
            Ok(_) => panic!("it publishes nothing"),
            Err(error) => Err(error.to_string()),
        }
    }

    fn put(path: &str) -> Write {
        let request = Request { method: Method::Put, path, query: None, accept: None, base: "", token: true };
        let segments: Vec<&str> = path.split('/').collect();
        match route(&request, &segments) {
            Some(Ok(Ask::Write(write))) => write,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_package_is_put_where_it_is_fetched_from() {
        let bytes = conda(&[("info/index.json", INDEX), ("info/about.json", r#"{"home":"https://example.org"}"#)]);
        let upload = read(&put("hosted/noarch/demo-1.0-h1_0.conda"), "", bytes.clone()).unwrap();
        assert_eq!((upload.package.as_str(), upload.version.as_str()), ("hosted/noarch/demo", "1.0"));
        assert_eq!((upload.content, upload.license, upload.source), (Content::At(0..bytes.len() as u64), true, true));
        let error = read(&put("hosted/noarch/demo-1.1-h1_0.conda"), "", bytes.clone()).unwrap_err();
        assert!(error.contains("`demo-1.1-h1_0.conda`") && error.contains("`demo-1.0-h1_0.conda`"), "{error}");
        assert!(read(&put("hosted/linux-64/demo-1.0-h1_0.conda"), "", bytes).is_err());
        assert!(read(&put("hosted/noarch/demo-1.0-h1_0.conda"), "", b"no zip".to_vec()).is_err());
    }

    #[test]
    fn a_package_is_posted_as_rattler_build_does() {
        let bytes = conda(&[("info/index.json", INDEX)]);
        let sha = Digest::of(&bytes);
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"demo.conda\"\r\nx-file-sha256: {sha}\r\n\r\n"
        );
        let mut form = head.clone().into_bytes();
        form.extend_from_slice(&bytes);
        form.extend_from_slice(b"\r\n--b--\r\n");
        let write = Write { what: POST, package: None, detail: None };
        let upload = read(&write, "multipart/form-data; boundary=b", form.clone()).unwrap();
        assert_eq!(upload.content, Content::At(head.len() as u64..(head.len() + bytes.len()) as u64));
        assert_eq!((upload.file.as_str(), upload.stated.sha256), ("demo-1.0-h1_0.conda", Some(sha)));
        for (content_type, body) in [
            ("application/octet-stream", form.clone()),
            ("multipart/form-data; boundary=c", form.clone()),
            ("multipart/form-data; boundary=b", form[..form.len() - 9].to_vec()),
            ("multipart/form-data; boundary=b", Vec::new()),
        ] {
            assert!(read(&write, content_type, body).is_err(), "{content_type}");
        }
    }

    #[test]
    fn what_cannot_be_a_file_of_a_channel_is_refused() {
        for (from, to) in [
            (r#""noarch""#, r#""../x""#),
            (r#""demo""#, r#""De mo""#),
            (r#""1.0""#, r#""1.0-2""#),
            (r#""h1_0""#, r#""""#),
            (r#""subdir""#, r#""platform""#),
        ] {
            let bytes = conda(&[("info/index.json", &INDEX.replace(from, to))]);
            assert!(read(&Write { what: PUT, package: None, detail: None }, "", bytes).is_err(), "{to}");
        }
        let asked = |method, path: &str| {
            let request = Request { method, path, query: None, accept: None, base: "", token: true };
            route(&request, &path.split('/').collect::<Vec<_>>())
        };
        assert!(matches!(asked(Method::Put, "conda-forge/noarch/a-1-0.conda"), Some(Err(RouteError::NotFound(_)))));
        assert!(matches!(asked(Method::Put, "hosted/noarch/a-1-0.tar.bz2"), Some(Err(RouteError::BadRequest(_)))));
        assert!(matches!(asked(Method::Post, "api/v1/upload/conda-forge"), Some(Err(RouteError::NotFound(_)))));
        assert!(asked(Method::Get, "hosted/noarch/a-1-0.conda").is_none());
    }

    #[test]
    fn a_channel_lists_what_is_published_and_marks_what_is_withdrawn() {
        let file = |name: &str| HostedFile {
            file: name.to_owned(),
            sha256: Digest::of(b"x"),
            digests: StatedDigests { md5: Some(vec![1; 16]), ..StatedDigests::default() },
            size: 7,
            published: Timestamp::from_millis(1_000),
            metadata: json!({ "index": { "name": "demo", "version": "1.0", "build": "0", "depends": [] } }),
            provenance: None,
        };
        let release = |version: &str, yanked: Option<&str>| HostedRelease {
            version: version.to_owned(),
            published: Timestamp::from_millis(1_000),
            publisher: String::from("ci"),
            metadata: json!({}),
            yanked: yanked.map(str::to_owned),
            deprecated: None,
            files: vec![file(&format!("demo-{version}-0.conda"))],
        };
        let hosted = Hosted { releases: vec![release("1.0", None), release("1.1", Some(""))], ..Hosted::default() };
        let package = PackageName::from_normalized("hosted/noarch/demo");
        let pieces = ChannelHosting.pieces(&package, &hosted);
        assert_eq!(pieces.len(), 2);
        assert!(String::from_utf8_lossy(&pieces[1]).contains(r#""weir-yanked":"""#));
        let whole = ChannelHosting.catalogue("hosted/noarch", &pieces).unwrap();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(whole["packages.conda"].as_object().unwrap().len(), 2);
        assert_eq!(ChannelHosting.catalogue("conda-forge/noarch", &[]), None);
        let (name, record) = crate::index::split(&pieces[0]).unwrap();
        let record: Value = serde_json::from_slice(record).unwrap();
        assert_eq!(
            (name, &record["indexed_timestamp"], &record["size"]),
            ("demo-1.0-0.conda", &json!(1000), &json!(7))
        );
        assert_eq!(record["sha256"], Digest::of(b"x").to_string());
    }
}
