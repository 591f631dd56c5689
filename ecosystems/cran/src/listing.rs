//! Which older versions of a package are there: `Archive/{package}/`, as the web server of a repository lists a directory.

use weir_core::Timestamp;
use weir_core::registry::{Page, Rendered};

use crate::name::split;

/// The page: files of the archive that are not refused, in the order of their names, as links relative to it.
pub fn render(page: &Page<'_>) -> Rendered {
    let (_, name) = split(page.package);
    let mut rows: Vec<(&str, Timestamp, Option<u64>)> = Vec::new();
    for (release, served) in page.index.releases.iter().zip(page.releases) {
        for (artifact, served) in release.artifacts.iter().zip(&served.artifacts) {
            if served.refused.is_none() && artifact.url.contains("/Archive/") {
                rows.push((&artifact.file, served.published, artifact.size));
            }
        }
    }
    rows.sort_unstable();
    let mut body = format!("<!DOCTYPE html>\n<html><head><title>Archive/{name}</title></head><body>\n<pre>\n");
    for (file, published, size) in rows {
        // A file's name is letters, digits and what a version has: nothing that HTML reads otherwise.
        let size = size.map_or_else(|| String::from("-"), |size| size.to_string());
        body.push_str(&format!("<a href=\"{file}\">{file}</a> {} {size}\n", published.date()));
    }
    body.push_str("</pre>\n</body></html>\n");
    Rendered { content_type: String::from("text/html; charset=utf-8"), body: body.into_bytes() }
}
