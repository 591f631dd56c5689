//! What kind of obligations a licence brings.

use std::sync::OnceLock;

/// Kinds of licences, mildest first, as policy names them.
pub(crate) const CATEGORIES: [&str; 6] =
    ["permissive", "weak-copyleft", "strong-copyleft", "network-copyleft", "source-available", "none"];

/// Exceptions that let other programs link with a copyleft work, or use what it produces, under other terms. Such a work
/// is weak copyleft.
const LINKING: [&str; 34] = [
    "389-exception",
    "Autoconf-exception-*",
    "Bison-exception-*",
    "Bootloader-exception",
    "CGAL-linking-exception",
    "CLISP-exception-2.0",
    "Classpath-exception-2.0*",
    "FLTK-exception",
    "Font-exception-2.0",
    "GCC-exception-*",
    "GNAT-exception",
    "GNU-compiler-exception",
    "GPL-3.0-linking-exception",
    "GPL-3.0-linking-source-exception",
    "GPL-3.0-interface-exception",
    "Independent-modules-exception",
    "LGPL-3.0-linking-exception",
    "LLVM-exception",
    "Libtool-exception",
    "Linux-syscall-note",
    "OCaml-LGPL-linking-exception",
    "OpenJDK-assembly-exception-1.0",
    "PCRE2-exception",
    "QPL-1.0-INRIA-2004-exception",
    "Qt-GPL-exception-1.0",
    "Qwt-exception-1.0",
    "Swift-exception",
    "Texinfo-exception",
    "UBDL-exception",
    "Universal-FOSS-exception-1.0",
    "WxWindows-exception-3.1",
    "eCos-exception-2.0",
    "freertos-exception-2.0",
    "u-boot-exception-2.0",
];

/// The category of a licence of the SPDX list, without `-only` and `-or-later`. `None` if the table does not have it.
pub(crate) fn category(id: &str, exception: Option<&str>) -> Option<&'static str> {
    let found = table().iter().find(|(pattern, _)| matches(pattern, id)).map(|(_, category)| *category)?;
    let linking = exception.is_some_and(|exception| LINKING.iter().any(|pattern| matches(pattern, exception)));
    Some(if linking && found == "strong-copyleft" { "weak-copyleft" } else { found })
}

fn matches(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => id.starts_with(start),
        None => id == pattern,
    }
}

fn table() -> &'static [(&'static str, &'static str)] {
    static TABLE: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
    TABLE.get_or_init(|| {
        include_str!("categories.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(':'))
            .flat_map(|(category, ids)| ids.split_whitespace().map(move |id| (id, category)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::license::spdx_ids;

    #[test]
    fn the_table_names_only_categories_and_ids_that_there_are() {
        for (pattern, category) in table() {
            assert!(CATEGORIES.contains(category), "{category}");
            let hit = spdx_ids::all().any(|id| matches(pattern, id) || matches(pattern, spdx_ids::split(id).0));
            assert!(hit, "`{pattern}` matches no id of the SPDX list");
        }
        for pattern in LINKING {
            let mut exceptions = spdx::identifiers::EXCEPTIONS.iter();
            assert!(exceptions.any(|exception| matches(pattern, exception.name)), "`{pattern}` matches no exception");
        }
    }

    #[test]
    fn the_well_known_licences_have_the_category_that_people_expect() {
        for (id, expected) in [
            ("MIT", "permissive"),
            ("Apache-2.0", "permissive"),
            ("BSD-3-Clause", "permissive"),
            ("MPL-2.0", "weak-copyleft"),
            ("LGPL-2.1", "weak-copyleft"),
            ("EPL-2.0", "weak-copyleft"),
            ("GPL-2.0", "strong-copyleft"),
            ("CC-BY-SA-4.0", "strong-copyleft"),
            ("CC-BY-4.0", "permissive"),
            ("CC-BY-NC-SA-4.0", "source-available"),
            ("AGPL-3.0", "network-copyleft"),
            ("SSPL-1.0", "source-available"),
            ("BUSL-1.1", "source-available"),
            ("Unlicense", "permissive"),
        ] {
            assert_eq!(category(id, None), Some(expected), "{id}");
        }
        assert_eq!(category("GPL-2.0", Some("Classpath-exception-2.0")), Some("weak-copyleft"));
    }

    #[test]
    fn almost_every_id_of_the_list_has_a_category() {
        let missing: Vec<_> = spdx_ids::all().filter(|id| category(spdx_ids::split(id).0, None).is_none()).collect();
        assert!(missing.len() < 80, "{} without a category: {missing:?}", missing.len());
    }
}
