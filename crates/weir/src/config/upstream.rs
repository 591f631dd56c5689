//! `[upstream.X]` and `[[upstream.X.group]]`: where packages come from.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde::Deserialize;
use weir_core::Ecosystem;
use weir_gateway::Member;
use weir_policy::Glob;
use weir_upstream::{Upstream, UpstreamConfig};

use super::{Config, secret};

/// The upstreams of one ecosystem.
#[derive(Deserialize, Debug, Default, Clone)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct UpstreamSection {
    /// The registry that is asked last; without it, the public one.
    pub url: Option<String>,
    /// Further hosts of it.
    pub hosts: Option<Vec<String>>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    pub ca_bundle: Option<PathBuf>,
    /// Key of the checksum database that it hands on; `off`: what comes from it is not checked. Only where there is one.
    pub checksum_key: Option<String>,
    /// Of so many days what its catalogues listed is kept. Only where one document lists all packages.
    pub kept_days: Option<u32>,
    /// Names that come from it alone.
    pub packages: Vec<String>,
    /// Further upstreams, asked before it and in this order.
    pub group: Vec<MemberSection>,
}

/// One further upstream.
#[derive(Deserialize, Debug, Default, Clone)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MemberSection {
    /// What it is called in messages, metrics and here.
    pub name: String,
    pub url: String,
    /// What the address leads to; without it, a registry.
    pub kind: Option<Kind>,
    #[serde(default)]
    pub hosts: Vec<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    pub ca_bundle: Option<PathBuf>,
    /// Names that come from it alone. With any, it is asked for no others.
    #[serde(default)]
    pub packages: Vec<String>,
}

/// What the address of an upstream leads to.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One page with links to files of many packages, as `pip --find-links` takes it.
    Flat,
}

/// One upstream as configured.
pub struct Configured {
    /// The section that it is from, for messages: `[upstream.pypi]`.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) settings: UpstreamConfig,
    ecosystem: &'static Ecosystem,
    packages: Vec<Glob>,
    is_searched: bool,
    /// The path below its base of the one page that it is.
    flat: Option<String>,
    checksum_key: Option<String>,
    kept_days: Option<u32>,
}

impl Configured {
    /// The upstream itself.
    pub fn member(&self) -> anyhow::Result<Member> {
        let upstream = Upstream::new(&self.settings).with_context(|| format!("{} cannot be used", self.key))?;
        let member = Member::new(self.ecosystem, &self.name, Arc::new(upstream)).with_packages(self.packages.clone());
        let member = match &self.checksum_key {
            Some(key) => member.checked_by(key),
            None => member,
        };
        let member = match self.kept_days {
            Some(days) => member.keeping_days(days),
            None => member,
        };
        let member = match &self.flat {
            Some(page) => member.flat(page),
            None => member,
        };
        Ok(if self.is_searched { member } else { member.only_bound() })
    }
}

/// Names that nothing can be mistaken for: in messages, metrics and addresses.
fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
}

/// What is wrong with the sections of an ecosystem, beside what its upstreams say themselves.
pub fn check(section: &UpstreamSection, ecosystem: &'static Ecosystem) -> anyhow::Result<()> {
    let catalogue = ecosystem.registry.catalogue();
    // Where parts name no upstream, a page is made from all of them, and each name is of the one that it is bound to.
    let is_one = catalogue.is_some_and(|catalogue| catalogue.member("channel/part").is_none());
    if let Some(member) = section.group.iter().find(|member| is_one && member.packages.is_empty()) {
        bail!(
            "{} has no `packages`: {} lists all packages in one document, so that it has to be said which names are from \
             there, as in packages = [\"acme.*\"]",
            member_key(member, ecosystem),
            ecosystem.title
        );
    }
    let mut names = vec![ecosystem.upstream.name];
    for member in &section.group {
        let (id, name) = (ecosystem.id, member.name.as_str());
        if !is_name(name) {
            bail!(
                "[[upstream.{id}.group]] name = \"{}\" is no name; expected lower case letters, digits, `-`, `_` and `.`, \
                 beginning with a letter",
                name.escape_default()
            );
        }
        if name == ecosystem.upstream.name {
            bail!(
                "[[upstream.{id}.group]] name = \"{name}\" is what [upstream.{id}] itself is called; set `url` there"
            );
        }
        if names.contains(&name) {
            bail!("[[upstream.{id}.group]] name = \"{name}\" is there twice; names tell upstreams apart");
        }
        names.push(name);
        if member.kind == Some(Kind::Flat) && ecosystem.registry.flat().is_none() {
            bail!("[[upstream.{id}.group]] `{name}` kind = \"flat\": {} has no such pages", ecosystem.title);
        }
    }
    for member in &section.group {
        patterns(&member_key(member, ecosystem), &member.packages, ecosystem)?;
    }
    patterns(&section_key(ecosystem), &section.packages, ecosystem).map(drop)
}

fn section_key(ecosystem: &Ecosystem) -> String {
    format!("[upstream.{}]", ecosystem.id)
}

fn member_key(member: &MemberSection, ecosystem: &Ecosystem) -> String {
    format!("[[upstream.{}.group]] `{}`", ecosystem.id, member.name)
}

/// The upstreams of an ecosystem as configured, in the order in which they are asked.
pub fn upstreams(config: &Config, ecosystem: &'static Ecosystem) -> anyhow::Result<Vec<Configured>> {
    members(&config.upstream.get(ecosystem.id).cloned().unwrap_or_default(), ecosystem)
}

fn members(section: &UpstreamSection, ecosystem: &'static Ecosystem) -> anyhow::Result<Vec<Configured>> {
    let mut all = Vec::with_capacity(section.group.len() + 1);
    for member in &section.group {
        let key = member_key(member, ecosystem);
        let (url, flat) = match member.kind {
            None => (ecosystem.registry.upstream_base(&member.url), None),
            Some(Kind::Flat) => {
                let (base, page) = split_page(&member.url);
                (base.to_owned(), Some(page.to_owned()))
            }
        };
        all.push(Configured {
            packages: patterns(&key, &member.packages, ecosystem)?,
            name: member.name.clone(),
            settings: UpstreamConfig {
                url,
                hosts: member.hosts.clone(),
                username: member.username.clone(),
                password: member.password.clone().map(|text| read(&key, "password", &text)).transpose()?,
                token: member.token.clone().map(|text| read(&key, "token", &text)).transpose()?,
                ca_bundle: member.ca_bundle.clone(),
                ..UpstreamConfig::default()
            },
            ecosystem,
            is_searched: member.packages.is_empty(),
            flat,
            // What a team's own upstream has, no public log has on record.
            checksum_key: None,
            kept_days: section.kept_days,
            key,
        });
    }
    let key = section_key(ecosystem);
    // The file hosts of the public registry belong to its address: another address brings its own.
    let public = section.url.is_none() && section.hosts.is_none();
    let known_hosts = || ecosystem.upstream.hosts.iter().map(|host| (*host).to_owned()).collect();
    let hosts = section.hosts.clone().unwrap_or_else(|| if section.url.is_none() { known_hosts() } else { Vec::new() });
    let url = section.url.clone().unwrap_or_else(|| ecosystem.upstream.url.to_owned());
    all.push(Configured {
        packages: patterns(&key, &section.packages, ecosystem)?,
        name: ecosystem.upstream.name.to_owned(),
        settings: UpstreamConfig {
            url: ecosystem.registry.upstream_base(&url),
            hosts,
            public,
            username: section.username.clone(),
            password: section.password.clone().map(|text| read(&key, "password", &text)).transpose()?,
            token: section.token.clone().map(|text| read(&key, "token", &text)).transpose()?,
            ca_bundle: section.ca_bundle.clone(),
            ..UpstreamConfig::default()
        },
        ecosystem,
        is_searched: true,
        flat: None,
        checksum_key: checksum_key(&key, section.checksum_key.as_deref(), ecosystem)?,
        kept_days: kept_days(&key, section.kept_days, ecosystem)?,
        key,
    });
    Ok(all)
}

/// The directory of a page and its name there, which is empty for the directory itself.
fn split_page(url: &str) -> (&str, &str) {
    let path = url.split_once("://").map_or(0, |(scheme, _)| scheme.len() + 3);
    let end = url.find('?').unwrap_or(url.len());
    match url.get(path..end).and_then(|path| path.rfind('/')) {
        Some(at) => url.split_at(path + at + 1),
        None => (url, ""),
    }
}

fn read(key: &str, what: &str, text: &str) -> anyhow::Result<weir_upstream::Secret> {
    secret(text).with_context(|| format!("{key} {what} cannot be used"))
}

fn patterns(key: &str, packages: &[String], ecosystem: &Ecosystem) -> anyhow::Result<Vec<Glob>> {
    let glob = |text: &String| {
        Glob::fold(text.trim(), ecosystem).map_err(|problem| {
            anyhow::anyhow!(
                "{key} packages: `{}` matches no possible name: {problem}",
                text.chars().take(200).collect::<String>().escape_default()
            )
        })
    };
    packages.iter().map(glob).collect()
}

/// Most days of which catalogues are kept.
const MAX_KEPT_DAYS: u32 = 3650;

fn kept_days(key: &str, set: Option<u32>, ecosystem: &Ecosystem) -> anyhow::Result<Option<u32>> {
    match set {
        Some(_) if ecosystem.registry.catalogue().is_none() => {
            bail!("{key} kept-days: {} has no document that lists all packages", ecosystem.title)
        }
        Some(days) if days > MAX_KEPT_DAYS => {
            bail!("{key} kept-days = {days} is too many; expected 0 to {MAX_KEPT_DAYS}")
        }
        set => Ok(set),
    }
}

/// The key of the checksum database that an ecosystem's last upstream hands on; `None` where there is none, or it is off.
fn checksum_key(key: &str, set: Option<&str>, ecosystem: &Ecosystem) -> anyhow::Result<Option<String>> {
    match (ecosystem.registry.sums(), set) {
        (None, None) | (Some(_), Some("off")) => Ok(None),
        (None, Some(_)) => bail!("{key} checksum-key: {} has no checksum database", ecosystem.title),
        (Some(sums), None) => Ok(Some(sums.key().to_owned())),
        (Some(sums), Some(set)) => match sums.check_key(set) {
            Ok(()) => Ok(Some(set.to_owned())),
            Err(problem) => bail!("{key} checksum-key: {problem}, or `off`"),
        },
    }
}
