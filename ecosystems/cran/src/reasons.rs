//! What is refused of a package, in plain text: R shows no reason, so that whoever asks for one finds it here, by the
//! package's name alone.

use weir_core::catalogue::Instead;
use weir_core::registry::{Page, Rendered};

use crate::name::split;

/// The page: what the catalogue shows of it and why, then every refused version, newest first.
pub fn render(page: &Page<'_>, instead: Option<&Instead>) -> Rendered {
    let (_, name) = split(page.package);
    let mut body = String::new();
    let mut allowed = None;
    for (release, served) in page.index.releases.iter().zip(page.releases) {
        match &served.refused {
            Some(note) => body.push_str(&format!("{name} {} is refused: {}\n", release.version, note.text)),
            None => {
                allowed = allowed.or(Some(release.version.as_str()).filter(|_| !release.artifacts.is_empty()));
                if let Some(note) = &served.warned {
                    body.push_str(&format!("{name} {} is served with a {}\n", release.version, note.text));
                }
            }
        }
    }
    let first = match allowed {
        Some(version) => format!("{name} {version} is the newest allowed version\n"),
        None => format!("{name} has no allowed version\n"),
    };
    let shown = instead.map_or_else(String::new, |it| {
        let shown = match &it.shown {
            Some(version) => format!("{name} {version} is shown in the place of {}", it.version),
            None => format!("{name} {} is not shown, and no other version is", it.version),
        };
        format!("{shown}: {}\n", it.reason)
    });
    Rendered { content_type: String::from("text/plain; charset=utf-8"), body: (first + &shown + &body).into_bytes() }
}
