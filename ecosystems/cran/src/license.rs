//! Licences as `DESCRIPTION` states them, in SPDX's words.
//!
//! Specification: "Writing R Extensions", 1.1.2 "Licensing": alternatives between `|`, each a name with an optional version
//! bound, `file LICENSE` alone or added with `+`. What is not certain is kept as it is written: policy then finds no licence
//! that it knows.

/// The licence in SPDX's words where each part of it is known, else as written.
pub fn spdx(text: &str) -> String {
    let text = text.trim();
    let parts: Option<Vec<String>> = text.split('|').map(|part| alternative(part.trim())).collect();
    match parts {
        Some(parts) if !text.is_empty() => parts.join(" OR "),
        _ => text.to_owned(),
    }
}

fn alternative(text: &str) -> Option<String> {
    // What a file adds to a licence are names and years, or restrictions: `MIT + file LICENSE`, `GPL-3 + file LICENSE`.
    let (name, file) = match text.split_once('+') {
        Some((name, file)) => (name.trim(), Some(file.trim())),
        None => (text, None),
    };
    if file.is_some_and(|file| !is_file(file)) {
        return None;
    }
    if is_file(name) {
        return Some(String::from("LicenseRef-file"));
    }
    let (name, bound) = match name.split_once('(') {
        Some((name, bound)) => (name.trim(), Some(bound.trim_end_matches(')').replace(' ', ""))),
        None => (name, None),
    };
    let known = match (name, bound.as_deref()) {
        ("GPL-2" | "GNU General Public License version 2", None) | ("GPL", Some("==2" | "==2.0")) => "GPL-2.0-only",
        ("GPL-3" | "GNU General Public License version 3", None) | ("GPL", Some("==3" | "==3.0")) => "GPL-3.0-only",
        ("GPL" | "GNU General Public License", Some(">=2" | ">=2.0")) => "GPL-2.0-or-later",
        ("GPL" | "GNU General Public License", Some(">=3" | ">=3.0")) => "GPL-3.0-or-later",
        ("GPL" | "GNU General Public License", None) => "GPL-1.0-or-later",
        ("LGPL-2", None) => "LGPL-2.0-only",
        ("LGPL-2.1", None) => "LGPL-2.1-only",
        ("LGPL-3", None) => "LGPL-3.0-only",
        ("LGPL", Some(">=2" | ">=2.0")) => "LGPL-2.0-or-later",
        ("LGPL", Some(">=2.1")) => "LGPL-2.1-or-later",
        ("LGPL", Some(">=3" | ">=3.0")) => "LGPL-3.0-or-later",
        ("LGPL", None) => "LGPL-2.0-or-later",
        ("AGPL-3", None) => "AGPL-3.0-only",
        ("AGPL", Some(">=3" | ">=3.0")) => "AGPL-3.0-or-later",
        ("Apache License 2.0" | "Apache License Version 2.0", None)
        | ("Apache License", Some("==2" | "==2.0" | ">=2" | ">=2.0")) => "Apache-2.0",
        ("MIT", None) => "MIT",
        ("BSD_2_clause", None) => "BSD-2-Clause",
        ("BSD_3_clause", None) => "BSD-3-Clause",
        ("Artistic-2.0", None) => "Artistic-2.0",
        ("BSL-1.0", None) => "BSL-1.0",
        ("CC0", None) => "CC0-1.0",
        ("CC BY 4.0", None) => "CC-BY-4.0",
        ("CC BY-SA 4.0", None) => "CC-BY-SA-4.0",
        ("CC BY-NC 4.0", None) => "CC-BY-NC-4.0",
        ("CC BY-NC-SA 4.0", None) => "CC-BY-NC-SA-4.0",
        ("EPL", None) => "EPL-1.0",
        ("EUPL", Some("==1.1")) => "EUPL-1.1",
        ("EUPL", Some("==1.2")) => "EUPL-1.2",
        ("MPL-1.1", None) | ("MPL", Some("==1.1")) => "MPL-1.1",
        ("MPL-2.0", None) | ("MPL", Some("==2.0" | ">=2" | ">=2.0")) => "MPL-2.0",
        ("Unlimited", None) => "LicenseRef-Unlimited",
        _ => return None,
    };
    Some(known.to_owned())
}

fn is_file(text: &str) -> bool {
    text.strip_prefix("file").is_some_and(|name| matches!(name.trim(), "LICENSE" | "LICENCE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_certain_is_told_in_spdx() {
        for (written, told) in [
            ("MIT + file LICENSE", "MIT"),
            ("GPL-2 | GPL-3", "GPL-2.0-only OR GPL-3.0-only"),
            ("GPL (>= 2)", "GPL-2.0-or-later"),
            ("GPL-2 | file LICENSE", "GPL-2.0-only OR LicenseRef-file"),
            ("Apache License (== 2.0)", "Apache-2.0"),
            ("AGPL-3 + file LICENCE", "AGPL-3.0-only"),
            ("file LICENSE", "LicenseRef-file"),
            ("Unlimited | CC0", "LicenseRef-Unlimited OR CC0-1.0"),
        ] {
            assert_eq!(spdx(written), told);
        }
    }

    #[test]
    fn the_rest_stays_as_it_is_written() {
        for written in ["", "ACM", "GPL (>= 9)", "MIT + file NOTHING", "GPL-2 | my own", "MIT + Apache"] {
            assert_eq!(spdx(written), written);
        }
    }
}
