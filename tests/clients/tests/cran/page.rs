//! `docs/reference/clients-r.md`: written by a run, and compared with what the next one sees.

use std::fmt::Write as _;
use std::path::Path;

/// What R left on the screen, without what differs from run to run.
pub struct Seen {
    pub text: String,
}

impl Seen {
    /// What is in R's library afterwards.
    pub fn installed(&self) -> Vec<&str> {
        let mut installed: Vec<_> = self.text.lines().filter_map(|line| line.strip_prefix("installed ")).collect();
        installed.retain(|line| line.starts_with("weir"));
        installed.sort_unstable();
        installed
    }

    /// The version of a package that is there.
    pub fn version(&self, package: &str) -> Option<&str> {
        self.installed().into_iter().find_map(|line| line.strip_prefix(package)?.strip_prefix(' '))
    }
}

/// The page.
pub struct Page(String);

impl Page {
    /// With nothing seen yet.
    pub fn new(version: &str) -> Self {
        Self(format!(
            "\
# What people see in R

What `install.packages` of R {version} shows when Weir lets a version through, puts an older one in its place, or cannot reach
upstream. The repository is a real one that R itself has made of small packages; the address of a stage's repository begins with
`URL`. Written and compared by `cargo test -p weir-clients --test cran`, as [clients.md](clients.md) is.

The stage refuses `weira` 2.0.0, the newest; `weirb` and an older `weirc` need any `weira`, the newest `weirc` needs 2.0.0, `weird`
needs any `weirc`, and `weire` nothing but `weira` 2.0.0. R prints no reason for anything: `URL/weir/weira` has it, and the column
`WeirSubstituted`.

| case | installs | the line that tells most |
|---|---|---|
"
        ))
    }

    /// A case, with the line that has `with` in it.
    pub fn row(&mut self, case: &str, seen: &Seen, with: &str) {
        let line = seen.text.lines().find(|line| line.contains(with));
        let line = line.unwrap_or_else(|| panic!("{case}: nothing says `{with}`:\n{}", seen.text));
        let installed = seen.installed().join(", ");
        let installed = if installed.is_empty() { "nothing" } else { &installed };
        writeln!(self.0, "| {case} | {installed} | `{}` |", plain(line)).unwrap();
    }

    /// Compares the page with what was seen; writes it where WEIR_UPDATE is set.
    pub fn check(&self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/clients-r.md");
        if std::env::var_os("WEIR_UPDATE").is_some() {
            return std::fs::write(path, &self.0).unwrap();
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(self.0, there, "docs/reference/clients-r.md is not what R prints; WEIR_UPDATE=1 writes it again");
    }
}

/// A line without decision ids, tabs, and what would end a cell.
fn plain(line: &str) -> String {
    let line = line.trim().trim_start_matches("* ").replace('|', "\\|").replace('`', "'").replace('\t', " ");
    match line.split_once("/d/") {
        Some((before, after)) => {
            let host = before.rfind("URL").unwrap_or(before.len());
            format!("{}http://HOST/d/ID{}", &before[..host], after.get(16..).unwrap_or_default())
        }
        None => line,
    }
}
