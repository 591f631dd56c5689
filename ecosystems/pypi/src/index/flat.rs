//! Pages that list files of many packages, such as `pip --find-links` takes: PyTorch's `torch_stable.html`, a directory that a
//! web server lists.
//!
//! There is no specification. pip takes each link by its file's name; so does this, for names that leave no doubt which
//! package is meant: wheels, and source distributions with nothing but a version after the name.

use weir_core::PackageName;
use weir_core::registry::{Document, Flat, InvalidDocument, OnePage};

use super::render::escaped;
use super::{ListedFile, Listing, Rest, absolute, invalid};
use crate::artifact::{FileName, FileVersion, Kind, could_be_artifact, is_ambiguous, read_file_name};

/// As what the page of one package is kept (PEP 691).
const MEDIA_TYPE: &str = "application/vnd.pypi.simple.v1+html";

/// What reads such pages.
pub struct FindLinks;

impl Flat for FindLinks {
    fn page(&self, package: &PackageName, page: &Document<'_>) -> Result<Option<OnePage>, InvalidDocument> {
        let listing = Listing::read(page)?;
        if matches!(listing.rest, Rest::Json(_)) {
            return Err(invalid(
                page.url,
                String::from("it is JSON; a page of many packages is HTML with links to files"),
            ));
        }
        let base = listing.base(page);
        let mut body = Vec::new();
        let mut is_list = false;
        for listed in &listing.files {
            is_list |= could_be_artifact(&listed.file);
            if !is_of(package, &listed.file) {
                continue;
            }
            if let Some(url) = absolute(&base, &listed.url) {
                anchor(&mut body, listed, url.as_str());
            }
        }
        if !is_list {
            return Err(invalid(page.url, String::from("it links to no file of any package")));
        }
        if body.is_empty() {
            return Ok(None);
        }
        let head = "<!DOCTYPE html>\n<meta name=\"pypi:repository-version\" content=\"1.0\">\n";
        Ok(Some(OnePage { content_type: MEDIA_TYPE, body: [head.as_bytes(), &body].concat() }))
    }
}

/// True if a file is one of this package's and of no other's.
fn is_of(package: &PackageName, file: &str) -> bool {
    matches!(
        read_file_name(package, file),
        Some(FileName { kind: Kind::Wheel | Kind::Sdist, version: FileVersion::Read(_) })
    ) && !is_ambiguous(package, file)
}

/// The link as the page of one package has it.
fn anchor(out: &mut Vec<u8>, listed: &ListedFile<'_>, url: &str) {
    let hashes: Vec<String> = listed.hashes.iter().map(|(algorithm, hex)| format!("{algorithm}={hex}")).collect();
    let fragment = if hashes.is_empty() { String::new() } else { format!("#{}", hashes.join("&")) };
    let mut attributes = vec![("href", format!("{url}{fragment}"))];
    if let Some(requires) = &listed.requires_python {
        attributes.push(("data-requires-python", requires.to_string()));
    }
    if let Some(reason) = &listed.yanked {
        attributes.push(("data-yanked", reason.to_string()));
    }
    if let Some(stated) = &listed.core_metadata {
        let value = stated.map_or_else(|| String::from("true"), |digest| format!("sha256={digest}"));
        attributes.push(("data-core-metadata", value));
    }
    out.extend_from_slice(b"<a");
    for (name, value) in attributes {
        out.extend_from_slice(format!(" {name}=\"").as_bytes());
        escaped(out, &value);
        out.push(b'"');
    }
    out.push(b'>');
    escaped(out, &listed.file);
    out.extend_from_slice(b"</a><br>\n");
}
