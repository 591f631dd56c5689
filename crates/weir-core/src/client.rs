//! What a package manager is: where its settings are, how they come to name Weir, and how it is found out whom it asks.
//!
//! An ecosystem describes its [`Client`]s as data and pure functions. Who writes files, runs programs and prints is the
//! binary; how a file of each [`Format`] is edited is `weir-settings`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// A program with which people install packages of an ecosystem.
pub struct Client {
    /// The word for it on the command line (`--pip`) and in output. `[a-z]+`.
    pub id: &'static str,
    /// The names of its program, any of which shows that it is there.
    pub programs: &'static [&'static str],
    /// The edits that make it ask Weir and nobody else; why there are none, and what to do, where there is no such place.
    pub settings: fn(&Gate, &dyn Machine, Scope) -> Edits,
    /// The same as environment variables, as (name, value). Empty if variables cannot say it: then files do in CI as well.
    pub variables: fn(&Gate) -> Vec<(String, String)>,
    /// Whom it asks on this machine, its other indexes included.
    pub told: fn(&dyn Machine) -> Vec<Told>,
    /// What it keeps and installs again without asking.
    pub cache: fn(&dyn Machine) -> Option<Cache>,
    /// How it is told of a certificate authority.
    pub trust: Trust,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.id).finish()
    }
}

/// What is to be edited, or why nothing can be.
pub type Edits = Result<Vec<Edit>, &'static str>;

/// The Weir, and the stage of it, that a client is to ask.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Its address without a slash at the end: `https://weir.example`.
    pub server: String,
    /// The stage.
    pub stage: String,
    /// [`crate::Ecosystem::id`].
    pub ecosystem: &'static str,
    /// The token that is shown to it, if any.
    pub token: Option<Token>,
}

impl Gate {
    /// The user name that goes with the token. Weir does not look at it; clients want one.
    pub const USER: &'static str = "weir";

    /// The address of the ecosystem in the stage, without a slash at the end.
    pub fn base(&self) -> String {
        format!("{}/{}/{}", self.server, self.stage, self.ecosystem)
    }

    /// The name or address of the machine, with the port if there is one: `weir.example:8484`.
    pub fn authority(&self) -> &str {
        let rest = self.server.split_once("://").map_or(self.server.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The same without a port. An IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// True if nothing encrypts the way to it.
    pub fn is_plain(&self) -> bool {
        self.server.starts_with("http://")
    }

    /// True if it is on this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host == "[::1]" || host.strip_prefix("127.").is_some()
    }

    /// The edit of the netrc file that lets in whoever reads it; none without a token.
    pub fn netrc(&self, machine: &dyn Machine) -> Option<Edit> {
        let token = self.token.as_ref()?;
        let name = if machine.system() == System::Windows { "_netrc" } else { ".netrc" };
        let file = machine.variable("NETRC").map_or_else(|| machine.home().join(name), PathBuf::from);
        let login = vec![
            (String::from("login"), Value::text(Self::USER)),
            (String::from("password"), Value::Text(token.expose().to_owned())),
        ];
        Some(Edit {
            secret: true,
            ..Edit::new(file, Format::Netrc, vec![Change::set([self.host()], Value::Table(login))])
        })
    }
}

/// A token that `Debug` does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Whose settings are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The person's, in the home directory.
    User,
    /// Those of the project in the current directory.
    Project,
}

/// The kinds of systems that keep settings in different places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum System {
    /// Linux and other Unixes.
    Unix,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// The machine that a client runs on, as far as descriptions of clients need it.
pub trait Machine {
    /// An environment variable; `None` if it is unset, empty or no text.
    fn variable(&self, name: &str) -> Option<String>;
    /// The home directory.
    fn home(&self) -> &Path;
    /// The directory of the project.
    fn project(&self) -> &Path;
    /// What system it is.
    fn system(&self) -> System;
    /// The text of a file; `None` if it is not there, too large or no text.
    fn read(&self, file: &Path) -> Option<String>;
    /// The values of a file of TOML; `None` as for [`Machine::read`], or if it is malformed.
    fn toml(&self, file: &Path) -> Option<Json>;
    /// The texts of the elements at a path of names in a file of XML; none where there is no such file.
    fn elements(&self, file: &Path, path: &[&str]) -> Vec<String>;
    /// What a program prints to standard output; `None` if it is not there or fails.
    fn ask(&self, program: &str, arguments: &[&str]) -> Option<String>;

    /// Where programs keep a person's settings: `$XDG_CONFIG_HOME` or `~/.config`; `%APPDATA%` on Windows.
    fn config_home(&self) -> PathBuf {
        match self.system() {
            System::Windows => {
                self.variable("APPDATA").map_or_else(|| self.home().join("AppData").join("Roaming"), PathBuf::from)
            }
            _ => self.variable("XDG_CONFIG_HOME").map_or_else(|| self.home().join(".config"), PathBuf::from),
        }
    }

    /// Where programs keep what they can fetch again: `$XDG_CACHE_HOME`, `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`.
    fn cache_home(&self) -> PathBuf {
        match self.system() {
            System::Windows => {
                self.variable("LOCALAPPDATA").map_or_else(|| self.home().join("AppData").join("Local"), PathBuf::from)
            }
            System::MacOs => self.home().join("Library").join("Caches"),
            System::Unix => self.variable("XDG_CACHE_HOME").map_or_else(|| self.home().join(".cache"), PathBuf::from),
        }
    }
}

/// Changes to one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// The file. It need not be there.
    pub file: PathBuf,
    /// How it is written.
    pub format: Format,
    /// What to change, in this order.
    pub changes: Vec<Change>,
    /// True if it has a token in it afterwards: then only its owner may read it.
    pub secret: bool,
}

impl Edit {
    /// Of a file without secrets.
    pub fn new(file: PathBuf, format: Format, changes: Vec<Change>) -> Self {
        Self { file, format, changes, secret: false }
    }
}

/// How a file of settings is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Sections of `key = value`, as Python's configparser reads them. Paths are `[section, key]`.
    Ini,
    /// Lines of `key=value`: `.npmrc`, properties, `go env`. Paths are `[key]`; in those that are removed, `*` stands for
    /// any text.
    Pairs,
    /// Lines of `key "value"`: yarn classic's `.yarnrc`. Paths are `[key]`.
    Words,
    /// TOML. Paths are keys from the top.
    Toml,
    /// YAML. Paths are one key at the top.
    Yaml,
    /// XML. Paths are elements from the root, the last of them those that are replaced: all of that name, or with
    /// `name[x]` that which has `<id>x</id>`.
    Xml,
    /// `machine … login … password …`. Paths are the machine's name.
    Netrc,
    /// A block of lines between two marks, which are comments that begin with `#`. The path is empty.
    Block,
    /// A file that is Weir's alone. The path is empty.
    Whole,
}

/// One change of a file of settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The value at the path becomes this one. What else stands there, and comments, stay.
    Set(Vec<String>, Value),
    /// What is at the path goes. In INI files a section `*` is any, and `!x` any but `x`.
    Remove(Vec<String>),
    /// What is at the path goes if this text is in it.
    RemoveWith(Vec<String>, &'static str),
}

impl Change {
    /// See [`Change::Set`].
    pub fn set<'a>(path: impl IntoIterator<Item = &'a str>, value: Value) -> Self {
        Self::Set(path.into_iter().map(str::to_owned).collect(), value)
    }

    /// See [`Change::Remove`].
    pub fn remove<'a>(path: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Remove(path.into_iter().map(str::to_owned).collect())
    }
}

/// A value of a setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// Texts in order.
    List(Vec<String>),
    /// Fields in order: an element in XML, a login in netrc, a table in TOML.
    Table(Vec<(String, Value)>),
    /// Tables that take the place of all that were there under this name.
    Tables(Vec<Vec<(String, Value)>>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Fields that are texts.
    pub fn table<const N: usize>(fields: [(&str, String); N]) -> Self {
        Self::Table(fields.into_iter().map(|(name, text)| (name.to_owned(), Self::Text(text))).collect())
    }
}

/// What a client was told: one address that it asks, or a setting that lets it go around.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// An address, or the text of the setting.
    pub value: String,
    /// What it means.
    pub role: Role,
    /// Where it says so: a file, a variable, or that it is the default.
    pub place: String,
    /// The command or the step that mends it if the address is not Weir's; empty where `weir use` does.
    pub mend: String,
}

impl Told {
    /// An address that is asked, or asked as well.
    pub fn new(role: Role, value: impl Into<String>, place: impl fmt::Display, mend: impl Into<String>) -> Self {
        Self { value: value.into(), role, place: place.to_string(), mend: mend.into() }
    }

    /// The addresses in a variable, separated by spaces.
    pub fn variable(machine: &dyn Machine, name: &str, role: Role) -> Vec<Self> {
        let value = machine.variable(name).unwrap_or_default();
        let told = |value: &str| Self::new(role, value, format_args!("${name}"), format!("unset {name}"));
        value.split_whitespace().map(told).collect()
    }

    /// What a client asks that was told nothing else.
    pub fn default(value: &str) -> Self {
        Self::new(Role::Index, value, "nothing is set", "")
    }
}

/// What an address in a client's settings is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The client asks it.
    Index,
    /// The client asks it as well.
    Besides,
    /// Not an address: a setting that is a way around or switches a check off.
    Loose,
}

/// A cache from which a client installs without asking anybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cache {
    /// Its directory.
    pub directory: PathBuf,
    /// What empties it.
    pub empty: String,
}

/// How a client is told of a certificate authority.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    /// The variables that name a file of authorities, most important first.
    pub variables: &'static [&'static str],
    /// True if it believes the authorities of the system without being told.
    pub system: bool,
    /// What tells it of an authority, with `{file}` in the place of the file's path.
    pub setting: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(server: &str) -> Gate {
        Gate { server: server.into(), stage: "prod".into(), ecosystem: "pypi", token: Some(Token::new("t0k")) }
    }

    #[test]
    fn an_address_is_taken_apart() {
        let there = gate("https://weir.example:8443/gate");
        assert_eq!((there.authority(), there.host()), ("weir.example:8443", "weir.example"));
        assert_eq!(there.base(), "https://weir.example:8443/gate/prod/pypi");
        assert!(!there.is_plain() && !there.is_loopback());
        let here = gate("http://[::1]:8484");
        assert_eq!((here.authority(), here.host()), ("[::1]:8484", "[::1]"));
        assert!(here.is_plain() && here.is_loopback());
        assert_eq!(gate("http://[::1]").host(), "[::1]");
    }

    #[test]
    fn a_token_does_not_print_itself() {
        assert!(!format!("{:?}", gate("http://a")).contains("t0k"));
    }
}
