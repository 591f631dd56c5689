//! Which licences are acceptable.

use expect_test::{Expect, expect};
use weir_policy::judge;

use crate::support::{at, facts, policy, stage};

/// What each of these texts comes to.
fn check(rule: &str, texts: &[&str], expect: Expect) {
    let policy = policy(&format!("license = {{ {rule} }}"));
    let mut out = String::new();
    for text in texts {
        let mut facts = facts("pypi x\n1 2026-01-01 license=");
        if let Some(license) = &mut facts.releases[0].license {
            license.text = (*text).to_owned();
        }
        let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
        let judged = &judgement.releases[0];
        let line = judged.reasons.first().map_or("", |reason| reason.line.as_str());
        out.push_str(format!("{text} => {} {line}", judged.outcome).trim_end());
        out.push('\n');
    }
    expect.assert_eq(&out);
}

#[test]
fn a_denied_id_is_denied_in_every_form() {
    check(
        "deny = [\"AGPL-3.0-only\", \"SSPL-1.0\"]",
        &[
            "AGPL-3.0",
            "agpl-3.0-only",
            "AGPL-3.0-or-later",
            "AGPL-3.0+",
            "GNU AGPLv3",
            "AGPL",
            "MIT",
            "SSPL-1.0",
            "GPL-3.0",
        ],
        expect![[r#"
            AGPL-3.0 => block license AGPL-3.0-only (denied)
            agpl-3.0-only => block license AGPL-3.0-only (denied)
            AGPL-3.0-or-later => block license AGPL-3.0-only (denied)
            AGPL-3.0+ => block license AGPL-3.0-only (denied)
            GNU AGPLv3 => block license AGPL-3.0-only (denied)
            AGPL => block license AGPL-3.0-only (denied)
            MIT => allow
            SSPL-1.0 => block license SSPL-1.0 (denied)
            GPL-3.0 => allow
        "#]],
    );
}

#[test]
fn one_of_a_choice_has_to_be_acceptable_and_all_of_a_list() {
    check(
        "deny-category = [\"strong-copyleft\", \"network-copyleft\"]",
        &[
            "MIT OR GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "(MIT OR AGPL-3.0-only) AND (Apache-2.0 OR GPL-2.0)",
            "MIT OR GPL-2.0 AND GPL-3.0",
            "MIT/GPL-2.0",
            "GPL-2.0/GPL-3.0",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "GPL-2.0-with-classpath-exception",
            "LGPL-2.1-or-later",
            "mit or gpl-3.0",
        ],
        expect![[r#"
            MIT OR GPL-3.0-only => allow
            MIT AND GPL-3.0-only => block license GPL-3.0-only (strong-copyleft)
            (MIT OR AGPL-3.0-only) AND (Apache-2.0 OR GPL-2.0) => allow
            MIT OR GPL-2.0 AND GPL-3.0 => allow
            MIT/GPL-2.0 => allow
            GPL-2.0/GPL-3.0 => block license GPL-2.0-only (strong-copyleft)
            GPL-2.0-only WITH Classpath-exception-2.0 => allow
            GPL-2.0-with-classpath-exception => allow
            LGPL-2.1-or-later => allow
            mit or gpl-3.0 => allow
        "#]],
    );
}

#[test]
fn or_later_is_a_choice_among_versions() {
    check(
        "deny = [\"GPL-2.0-only\"]",
        &["GPL-2.0-only", "GPL-2.0-or-later", "GPL-2.0+", "GPLv2 or later", "GPL-3.0-only"],
        expect![[r#"
            GPL-2.0-only => block license GPL-2.0-only (denied)
            GPL-2.0-or-later => allow
            GPL-2.0+ => allow
            GPLv2 or later => allow
            GPL-3.0-only => allow
        "#]],
    );
    check(
        "deny = [\"GPL-2.0-or-later\"]",
        &["GPL-2.0-or-later", "GPL-3.0-only", "GNU General Public License, version 2 or any later version", "LGPL-2.1"],
        expect![[r#"
            GPL-2.0-or-later => block license GPL-2.0-only (denied)
            GPL-3.0-only => block license GPL-3.0-only (denied)
            GNU General Public License, version 2 or any later version => block license GPL-2.0-only (denied)
            LGPL-2.1 => allow
        "#]],
    );
}

#[test]
fn an_allow_list_denies_everything_else() {
    check(
        "allow = [\"MIT\", \"Apache-2.0\", \"BSD-3-Clause\", \"LicenseRef-acme\", \"GPL-2.0-only WITH Classpath-exception-2.0\"]",
        &[
            "MIT",
            "ISC",
            "MIT OR ISC",
            "MIT AND ISC",
            "Apache-2.0 WITH LLVM-exception",
            "BSD",
            "BSD 3-Clause",
            "LicenseRef-Acme",
            "LicenseRef-other",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "GPL-2.0-only",
            "",
            "my own words",
        ],
        expect![[r#"
            MIT => allow
            ISC => block license ISC (not allowed)
            MIT OR ISC => allow
            MIT AND ISC => block license ISC (not allowed)
            Apache-2.0 WITH LLVM-exception => allow
            BSD => block license BSD-2-Clause (not allowed)
            BSD 3-Clause => allow
            LicenseRef-Acme => allow
            LicenseRef-other => block license LicenseRef-other (unknown)
            GPL-2.0-only WITH Classpath-exception-2.0 => allow
            GPL-2.0-only => block license GPL-2.0-only (not allowed)
             => block license (none declared)
            my own words => block license my own words (unknown)
        "#]],
    );
}

#[test]
fn names_that_people_write_are_understood() {
    check(
        "deny-category = [\"permissive\"], unknown = \"warn\"",
        &[
            "MIT License",
            "The MIT License (MIT)",
            "Apache 2.0",
            "Apache License, Version 2.0",
            "Apache Software License",
            "License :: OSI Approved :: MIT License",
            "License :: OSI Approved :: BSD License",
            "BSD",
            "3-Clause BSD License",
            "New BSD License",
            "MIT/X11",
            "Unlicense",
            "public domain",
            "PSF",
        ],
        expect![[r#"
            MIT License => block license MIT (permissive)
            The MIT License (MIT) => block license MIT (permissive)
            Apache 2.0 => block license Apache-2.0 (permissive)
            Apache License, Version 2.0 => block license Apache-2.0 (permissive)
            Apache Software License => block license Apache-2.0 (permissive)
            License :: OSI Approved :: MIT License => block license MIT (permissive)
            License :: OSI Approved :: BSD License => block license BSD-3-Clause (permissive)
            BSD => block license BSD-3-Clause (permissive)
            3-Clause BSD License => block license BSD-3-Clause (permissive)
            New BSD License => block license BSD-3-Clause (permissive)
            MIT/X11 => block license MIT (permissive)
            Unlicense => block license Unlicense (permissive)
            public domain => block license 0BSD (permissive)
            PSF => block license PSF-2.0 (permissive)
        "#]],
    );
    check(
        "deny-category = [\"strong-copyleft\", \"weak-copyleft\", \"none\"]",
        &[
            "GPLv3",
            "GPL",
            "GNU General Public License v3 (GPLv3)",
            "License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)",
            "LGPL",
            "Mozilla Public License 2.0 (MPL 2.0)",
            "UNLICENSED",
            "Proprietary",
            "License :: Other/Proprietary License",
            "MIT (GPLv3)",
        ],
        expect![[r#"
            GPLv3 => block license GPL-3.0-only (strong-copyleft)
            GPL => block license GPL-3.0-only (strong-copyleft)
            GNU General Public License v3 (GPLv3) => block license GPL-3.0-only (strong-copyleft)
            License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+) => block license LGPL-2.0-only (weak-copyleft)
            LGPL => block license LGPL-3.0-only (weak-copyleft)
            Mozilla Public License 2.0 (MPL 2.0) => block license MPL-2.0 (weak-copyleft)
            UNLICENSED => block license (no rights)
            Proprietary => block license (no rights)
            License :: Other/Proprietary License => block license (no rights)
            MIT (GPLv3) => allow
        "#]],
    );
}

#[test]
fn what_cannot_be_read_is_unknown_and_no_way_out() {
    check(
        "deny = [\"GPL-3.0-only\"], unknown = \"warn\", none = \"quarantine\"",
        &[
            "SEE LICENSE IN LICENSE.txt",
            "Custom",
            "GPL-3.0 OR Custom",
            "MIT OR Custom",
            "MIT AND Custom",
            "((MIT OR ISC",
            "MIT OR",
            "LicenseRef-license-file",
            "NOASSERTION",
            "",
        ],
        expect![[r#"
            SEE LICENSE IN LICENSE.txt => warn license SEE LICENSE IN LICENSE.txt (unknown)
            Custom => warn license Custom (unknown)
            GPL-3.0 OR Custom => block license GPL-3.0-only (denied)
            MIT OR Custom => allow
            MIT AND Custom => warn license Custom (unknown)
            ((MIT OR ISC => warn license ((MIT OR ISC (unknown)
            MIT OR => warn license MIT OR (unknown)
            LicenseRef-license-file => warn license LicenseRef-license-file (unknown)
            NOASSERTION => warn license NOASSERTION (unknown)
             => quarantine license (none declared)
        "#]],
    );
}

#[test]
fn a_licence_that_nobody_has_looked_at_counts_only_where_unknown_is_set() {
    let facts = facts("pypi x\n1 2026-01-01");
    let line = |rule: &str| {
        let policy = policy(rule);
        let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
        judgement.releases[0].reasons.first().map(|reason| (reason.line.clone(), reason.detail.clone()))
    };
    assert_eq!(line("license = { deny = [\"MIT\"] }"), None);
    assert_eq!(
        line("license = { unknown = \"warn\" }"),
        Some((String::from("license (not known yet)"), Some(String::from("not-looked"))))
    );
}

#[test]
fn the_message_says_what_is_declared_where_and_what_is_wrong_with_it() {
    let policy = policy("license = { deny-category = [\"network-copyleft\"] }");
    let facts = facts("pypi x\n1 2026-01-01 license=MIT_AND_AGPL-3.0");
    let judgement = judge(&policy, stage(&policy), &facts, at("2026-10-01"));
    expect![
        "The licence `AGPL-3.0-only` of `MIT AND AGPL-3.0` (METADATA) is network-copyleft, which the policy denies."
    ]
    .assert_eq(&judgement.releases[0].reasons[0].message);
}
