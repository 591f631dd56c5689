//! R through a real `weir serve`, against a real CRAN tree: packages that `R CMD build` packed, `PACKAGES` as
//! `tools::write_PACKAGES` writes it, lists of files as R serialises them. What R shows is written to
//! `docs/reference/clients-r.md`. CRAN itself is not asked.
//!
//! | Module | Answers |
//! |---|---|
//! | [`tree`] | how is a repository made? |
//! | [`gate`] | how is Weir run before it? |
//! | [`page`] | what is written of what R shows? |
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails by panicking")]

mod gate;
mod page;
mod tree;

use gate::Gate;
use page::Seen;
use tree::Tree;
use weir_clients::glance::{self, mark, mark_down};
use weir_testing::skip;

/// What the stage refuses: the newest `weira`, of which older versions are in the archive.
const POLICY: &str = r#"[stage.open]

[stage.strict]
denied = [{ package = "pkg:cran/weira@>= 2.0.0", reason = "2.0.0 deletes files" }]

[stage.waiting]
minimum-age = { days = 7 }
"#;

const WHY: &str = "denied by policy";

#[test]
fn r_installs_what_is_shown_and_is_told_of_the_rest() {
    let Some(tree) = Tree::make() else { return };
    let Some(gate) = Gate::start(&tree.url(), POLICY) else { return };
    let mut page = page::Page::new(&tree.version);
    let install = |stage: &str, package: &str| gate.r(stage, &format!("install.packages(\"{package}\")"));

    let upstream = tree.catalogue();
    assert_eq!(gate.get("open/cran/src/contrib/PACKAGES"), (200, upstream), "nothing is refused, so nothing differs");

    let seen = install("open", "weirb");
    assert_eq!(seen.installed(), ["weira 2.0.0", "weirb 1.0"], "{}", seen.text);
    let cell = |seen: &Seen| mark(seen.version("weira"), &seen.text, &[WHY, "nearest allowed 1.1.0"]);
    let mut cells = vec![cell(&seen)];
    page.row("allowed", &seen, "DONE (weirb)");

    let seen = install("strict", "weirb");
    assert_eq!(seen.installed(), ["weira 1.1.0", "weirb 1.0"], "{}", seen.text);
    cells.push(cell(&seen));
    page.row("needs a package whose newest version is refused", &seen, "DONE (weira)");

    let seen = install("strict", "weird");
    assert_eq!(seen.installed(), ["weira 1.1.0", "weirc 1.0", "weird 1.0"], "{}", seen.text);
    page.row("needs one that gave way with it", &seen, "DONE (weirc)");

    let seen = install("strict", "weire");
    assert!(seen.installed().is_empty(), "{}", seen.text);
    page.row("needs exactly the refused version", &seen, "is not available");

    let pinned = |stage: &str, path: &str| {
        gate.r(
            stage,
            &format!("install.packages(paste0(getOption(\"repos\")[[1]], \"/src/contrib/{path}\"), repos = NULL)"),
        )
    };
    let seen = pinned("strict", "weira_2.0.0.tar.gz");
    assert!(seen.installed().is_empty(), "{}", seen.text);
    // The address of the file is the pin, and R has no lock file.
    cells.extend([cell(&seen), glance::NONE.to_owned(), cell(&seen)]);
    page.row("pinned to a refused version", &seen, "403");

    let seen = pinned("strict", "Archive/weira/weira_1.0.0.tar.gz");
    assert_eq!(seen.installed(), ["weira 1.0.0"], "{}", seen.text);
    page.row("pinned to an allowed version of the archive", &seen, "DONE (weira)");

    let seen = gate
        .r("strict", "cat(available.packages(fields = \"WeirSubstituted\")[\"weira\", \"WeirSubstituted\"], \"\\n\")");
    assert!(seen.text.contains(WHY), "{}", seen.text);
    page.row("asks what was put in its place", &seen, WHY);

    let seen = gate.r("strict", "writeLines(readLines(paste0(getOption(\"repos\")[[1]], \"/weir/weira\")))");
    assert!(seen.text.contains("weira 1.1.0 is the newest allowed version"), "{}", seen.text);
    page.row("asks why", &seen, "is refused");

    let (code, text) = gate.get("strict/cran/src/contrib/weira_2.0.0.tar.gz");
    assert!(code == 403 && text.starts_with(WHY), "{code} {text}");
    let explained = gate.explain("pkg:cran/weire@1.0", "strict");
    assert!(explained.contains("needs weira == 2.0.0") && explained.contains(WHY), "{explained}");

    // Published today, so it waits; the version before it is years old.
    let seen = install("waiting", "weirb");
    assert_eq!(seen.installed(), ["weira 1.1.0", "weirb 1.0"], "{}", seen.text);
    page.row("its newest version is too young", &seen, "DONE (weira)");

    if skip::program("faketime").is_none() || !has_remotes() {
        return;
    }
    let remotes = |stage: &str, version: &str| {
        gate.r(stage, &format!("remotes::install_version(\"weira\", \"{version}\", upgrade = \"never\")"))
    };
    let seen = remotes("strict", "1.0.0");
    assert_eq!(seen.installed(), ["weira 1.0.0"], "{}", seen.text);
    page.row("`remotes` pins an allowed version", &seen, "DONE (weira)");
    let seen = remotes("strict", "2.0.0");
    assert!(seen.installed().is_empty(), "{}", seen.text);
    page.row("`remotes` pins a refused version", &seen, "is invalid");

    let made = tempfile::tempdir().unwrap();
    let file = tree::build("weirours", "1.0", "weira", made.path());
    let (code, text) = gate.put("cran:weirours", &file, "strict/cran/src/contrib/");
    assert_eq!((code, text.lines().next()), (201, Some("weirours 1.0 is published")), "{text}");
    let seen = install("strict", "weirours");
    assert_eq!(seen.installed(), ["weira 1.1.0", "weirours 1.0"], "{}", seen.text);
    page.row("needs nothing but what `curl -T` has published, and CRAN's", &seen, "DONE (weirours)");

    let Some(dated) = of_two_days_ago(&tree) else { return };
    let seen = dated.r(&format!("open@{}", day("2 days ago")), "install.packages(\"weirc\")");
    assert_eq!(seen.installed(), ["weira 2.0.0", "weirc 1.0"], "{}", seen.text);
    page.row("at `open@` a day on which `weirc` 1.0 was the newest", &seen, "DONE (weirc)");
    let seen = dated.r(&format!("strict@{}", day("2 days ago")), "install.packages(\"weirc\")");
    assert_eq!(seen.installed(), ["weira 1.1.0", "weirc 1.0"], "{}", seen.text);
    page.row("at that day, with what is refused today", &seen, "DONE (weira)");
    let seen = dated.r(&format!("open@{}", day("today")), "install.packages(\"weirc\")");
    assert!(seen.installed().is_empty(), "{}", seen.text);
    let seen = Seen { text: seen.text.replace(&day("today"), "DAY") };
    page.row("at a day that has not ended", &seen, "unable to access index");
    drop(dated);

    tree.fake.unavailable(true);
    let seen = install("strict", "weirb");
    assert_eq!(seen.installed(), ["weira 1.1.0", "weirb 1.0"], "{}", seen.text);
    page.row("upstream down, and Weir has it", &seen, "DONE (weirb)");
    let Some(empty) = Gate::start("http://127.0.0.1:1/", POLICY) else { return };
    let seen = empty.r("strict", "install.packages(\"weirb\")");
    assert!(seen.installed().is_empty(), "{}", seen.text);
    cells.push(mark_down(seen.version("weira"), &seen.text));
    page.row("upstream down, and Weir has nothing", &seen, "unable to access index");
    page.check();
    glance::check(&[glance::Row {
        ecosystem: String::from("cran"),
        client: format!("install.packages of R {}", tree.version),
        details: String::from("clients-r.md"),
        cells: cells.try_into().unwrap(),
    }]);
}

/// A Weir that saw the repository two days ago, when `weirc` 1.0 was the newest, and not since.
fn of_two_days_ago(tree: &Tree) -> Option<Gate> {
    let now = tree.catalogue();
    let record =
        |name: &str| now.split("\n\n").find(|record| record.starts_with(&format!("Package: {name}\n"))).unwrap();
    let older = "Package: weirc\nVersion: 1.0\nImports: weira (>= 1.0.0)\nLicense: GPL (>= 2)\nNeedsCompilation: no";
    let then = now.replace(record("weirc").trim_end(), older);
    tree.fake.put("/src/contrib/PACKAGES.gz", packed(&then));
    let gate = Gate::start_at(&tree.url(), POLICY, Some("-2d"));
    if let Some(gate) = &gate {
        assert_eq!(gate.get("open/cran/src/contrib/PACKAGES"), (200, then));
    }
    tree.fake.put("/src/contrib/PACKAGES.gz", packed(&now));
    let mut gate = gate?;
    gate.again();
    Some(gate)
}

fn packed(text: &str) -> Vec<u8> {
    let (stdin, stdout) = (std::process::Stdio::piped(), std::process::Stdio::piped());
    let mut gzip = std::process::Command::new("gzip").arg("-c").stdin(stdin).stdout(stdout).spawn().unwrap();
    std::io::Write::write_all(&mut gzip.stdin.take().unwrap(), text.as_bytes()).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

/// A day as `date` tells it, in UTC.
fn day(which: &str) -> String {
    tree::run(std::process::Command::new("date").args(["-u", "+%F", "-d", which])).trim().to_owned()
}

fn has_remotes() -> bool {
    let check = "quit(status = as.integer(!requireNamespace(\"remotes\", quietly = TRUE)))";
    let is_there = std::process::Command::new("Rscript").args(["-e", check]).status().unwrap().success();
    if !is_there {
        skip::skip("clients", "R has no `remotes`: `.ci/run tools clients` installs it");
    }
    is_there
}

#[test]
fn r_says_why_where_weir_use_wrote_its_profile() {
    let Some(tree) = Tree::make() else { return };
    let Some(gate) = Gate::start(&tree.url(), POLICY) else { return };
    let seen =
        gate.used("strict", "install.packages(\"weire\"); install.packages(\"weirb\"); print(getOption(\"digits\"))");
    for part in [
        "Weir: weire 1.0",
        "DONE (weirb)",
        "[1] 3",
        "asks Weir (options(repos), CRAN)",
        "nothing goes around Weir",
        "~/.Rprofile is as it was",
    ] {
        assert!(seen.text.contains(part), "`{part}` is missing from\n{}", seen.text);
    }
}

#[test]
fn garbage_in_the_place_of_a_list_leaves_the_catalogue_as_it_is() {
    let Some(tree) = Tree::make() else { return };
    for list in ["archive", "current"] {
        tree.fake.put(&format!("/src/contrib/Meta/{list}.rds"), b"\x1f\x8b\x08\x00garbage".to_vec());
    }
    let Some(gate) = Gate::start(&tree.url(), POLICY) else { return };
    assert_eq!(gate.get("open/cran/src/contrib/PACKAGES"), (200, tree.catalogue()));
    // Without the archive there is nothing to put in the place of what is refused.
    let (code, text) = gate.get("strict/cran/src/contrib/PACKAGES");
    assert!(code == 200 && !text.contains("weira"), "{text}");
}
