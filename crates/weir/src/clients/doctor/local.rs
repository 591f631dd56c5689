//! Whom do the clients of this machine ask, and what do they keep?

use std::path::Path;
use std::time::UNIX_EPOCH;

use weir_core::Timestamp;
use weir_core::client::{Gate, Machine as _, Role, Told};

use super::super::Known;
use super::super::machine::Here;
use super::super::point::masked;
use super::{Finding, Level};

/// Most entries of a cache that are looked at.
const MAX_ENTRIES: usize = 5_000;
/// Deepest folder of a cache that is looked into.
const MAX_DEPTH: usize = 8;

/// What is compared with.
pub(super) struct Looked<'a> {
    pub(super) here: &'a Here,
    pub(super) server: &'a str,
    pub(super) stage: &'a str,
    /// When `weir use` wrote the settings, if it did.
    pub(super) since: Option<Timestamp>,
}

/// The findings on every client. Those that have to be asked are asked at the same time.
pub(super) fn look(looked: &Looked<'_>, clients: &[Known]) -> Vec<Finding> {
    let all: Vec<Vec<Finding>> = std::thread::scope(|scope| {
        let asked: Vec<_> = clients.iter().map(|known| scope.spawn(|| one(looked, *known))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap_or_default()).collect()
    });
    all.into_iter().flatten().collect()
}

fn one(looked: &Looked<'_>, Known { client, .. }: Known) -> Vec<Finding> {
    let told = (client.told)(looked.here);
    let mut findings: Vec<Finding> = told.iter().filter_map(|told| judged(looked, client.id, told)).collect();
    // One good line is enough, and the bad ones come first.
    findings.sort_by_key(|finding| finding.level == Level::Ok);
    findings.dedup_by(|a, b| a.level == Level::Ok && b.level == Level::Ok && a.code == b.code);
    if let Some(cache) = (client.cache)(looked.here) {
        let before = oldest(&cache.directory, 0, &mut MAX_ENTRIES.clone())
            .filter(|oldest| looked.since.is_none_or(|since| *oldest < since));
        if before.is_some() {
            let shown = looked.here.shown(&cache.directory);
            let message = format!("has packages from before in {shown}, and installs them without asking");
            findings.push(Finding::new("cache", Level::Note, message).mend(cache.empty));
        }
    }
    for name in client.trust.variables {
        let Some(file) = looked.here.variable(name) else { continue };
        // Some of them may name a folder.
        if Path::new(&file).is_dir() {
            continue;
        }
        match looked.here.read(Path::new(&file)) {
            Some(text) if text.contains("-----BEGIN CERTIFICATE-----") => {}
            found => {
                let what = if found.is_some() { "has no certificate in it" } else { "cannot be read" };
                let message = format!("${name} names {file}, which {what}");
                findings.push(Finding::new("certificate", Level::Problem, message).mend(format!("unset {name}")));
            }
        }
    }
    let home = format!("{}/", looked.here.home().display());
    let short = |text: String| text.replace(&home, "~/");
    let mut of_client = Vec::with_capacity(findings.len());
    for mut finding in findings {
        finding.message = short(finding.message);
        finding.mend = finding.mend.map(short);
        of_client.push(finding.of(client.id));
    }
    of_client
}

fn judged(looked: &Looked<'_>, id: &str, told: &Told) -> Option<Finding> {
    let Told { value, role, place, mend } = told;
    let shown = masked(value);
    let again = || format!("weir use {} --{id}", looked.stage);
    let mend = if mend.is_empty() { again() } else { mend.replace("STAGE", looked.stage) };
    if *role == Role::Loose {
        return Some(Finding::new("loose", Level::Problem, format!("{shown} ({place})")).mend(mend));
    }
    match (way(looked, value), role) {
        // A folder of this machine is nobody's index.
        (Way::Local, _) => None,
        (Way::Stage(stage), _) if stage == looked.stage => {
            let gate = Gate { server: looked.server.to_owned(), stage, ecosystem: "", token: None };
            let plain = gate.is_plain() && !gate.is_loopback();
            Some(if plain {
                Finding::new("plain", Level::Note, format!("asks Weir over plain HTTP ({place})"))
                    .mend("give Weir a certificate and use its https address")
            } else {
                Finding::new("index", Level::Ok, format!("asks Weir ({place})"))
            })
        }
        (Way::Stage(stage), _) => {
            Some(Finding::new("stage", Level::Note, format!("asks stage {stage} ({place})")).mend(again()))
        }
        (Way::Elsewhere, Role::Index) => {
            Some(Finding::new("index", Level::Problem, format!("asks {shown} ({place})")).mend(mend))
        }
        (Way::Elsewhere, _) => {
            let message = format!("asks {shown} as well ({place})");
            Some(Finding::new("other-index", Level::Problem, message).mend(mend))
        }
    }
}

/// Where an address leads.
enum Way {
    /// To Weir, in this stage.
    Stage(String),
    Local,
    Elsewhere,
}

fn way(looked: &Looked<'_>, address: &str) -> Way {
    let Some((scheme, rest)) = address.split_once("://") else { return Way::Local };
    if scheme.eq_ignore_ascii_case("file") {
        return Way::Local;
    }
    let (own_scheme, own) = looked.server.split_once("://").unwrap_or(("", looked.server));
    // A login may stand before the host.
    let end = rest.find('/').unwrap_or(rest.len());
    let host_at = rest[..end].rfind('@').map_or(0, |at| at + 1);
    let rest = &rest[host_at..];
    let inner = rest.get(..own.len()).filter(|start| start.eq_ignore_ascii_case(own)).and(rest.get(own.len()..));
    match inner.and_then(|inner| inner.strip_prefix('/')) {
        Some(inner) if scheme.eq_ignore_ascii_case(own_scheme) => {
            let stage = inner.split(['/', '@']).next().unwrap_or_default();
            Way::Stage(stage.to_owned())
        }
        _ => Way::Elsewhere,
    }
}

/// When the oldest file in a folder was written; `None` if there is none. Looks at so many entries at most.
fn oldest(folder: &Path, depth: usize, left: &mut usize) -> Option<Timestamp> {
    let mut oldest: Option<Timestamp> = None;
    for entry in std::fs::read_dir(folder).ok()?.filter_map(Result::ok) {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let Ok(kind) = entry.file_type() else { continue };
        let found = if kind.is_dir() && depth < MAX_DEPTH {
            self::oldest(&entry.path(), depth + 1, left)
        } else if kind.is_file() {
            // What a cache says of itself is there as soon as the client ran once.
            let name = entry.file_name();
            let own = ["CACHEDIR.TAG", ".gitignore", ".lock", "_lastUpdateCheck", "gc.properties"];
            if own.iter().any(|own| name == *own) {
                continue;
            }
            let modified = entry.metadata().ok().and_then(|metadata| metadata.modified().ok());
            let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
            since.and_then(|since| i64::try_from(since.as_millis()).ok()).map(Timestamp::from_millis)
        } else {
            None
        };
        oldest = match (oldest, found) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    oldest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_weirs_only_if_its_host_is() {
        let here = Here::find().unwrap();
        let looked = Looked { here: &here, server: "https://weir.example:8443/gate", stage: "prod", since: None };
        let stage = |address: &str| match way(&looked, address) {
            Way::Stage(stage) => stage,
            Way::Local => String::from("(local)"),
            Way::Elsewhere => String::from("(elsewhere)"),
        };
        assert_eq!(stage("https://weir:t@WEIR.example:8443/gate/prod/pypi/simple/"), "prod");
        assert_eq!(stage("https://weir.example:8443/gate/dev@2026-01-01/pypi/simple/"), "dev");
        assert_eq!(stage("https://weir.example:84430/gate/prod/"), "(elsewhere)");
        assert_eq!(stage("https://weir.example:8443/gateway/prod/"), "(elsewhere)");
        assert_eq!(stage("https://weir.example:8443@evil.example/gate/prod/"), "(elsewhere)");
        assert_eq!(stage("http://weir.example:8443/gate/prod/"), "(elsewhere)");
        assert_eq!(stage("/srv/wheels"), "(local)");
        assert_eq!(stage("file:///srv/wheels"), "(local)");
    }
}
