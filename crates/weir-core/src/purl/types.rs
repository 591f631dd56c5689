//! What a type of package URLs asks of its parts, and in which spelling they are the same.
//!
//! Specification: the type definitions of package-url/purl-spec (ECMA-427, annex). A type that is not registered has no
//! rules.

use super::Purl;
use crate::ecosystem::Ecosystems;

/// Whether a type has namespaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Namespace {
    /// There is always one.
    Required,
    /// There may be one.
    Optional,
    /// There is none.
    Prohibited,
}
use Namespace::{Optional, Prohibited, Required};

/// What a type asks of its parts.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether it has namespaces.
    pub namespace: Namespace,
    /// Which parts are the same in upper and lower case, and are written in lower case: [`NAMESPACE`], [`NAME`], [`VERSION`].
    pub lower: u8,
    /// A character of names that stands for another one: `_` for `-`.
    pub alias: Option<(char, char)>,
}

impl Rules {
    /// Rules without an alias.
    pub const fn new(namespace: Namespace, lower: u8) -> Self {
        Self { namespace, lower, alias: None }
    }
}

/// Every part is written as it is.
pub const AS_IS: u8 = 0;
/// The namespace is in lower case.
pub const NAMESPACE: u8 = 1;
/// The name is in lower case.
pub const NAME: u8 = 2;
/// The version is in lower case.
pub const VERSION: u8 = 4;
const BOTH: u8 = NAMESPACE | NAME;

/// The registered types that no ecosystem here stands for.
const TYPES: [(&str, Rules); 35] = [
    ("alpm", Rules::new(Required, BOTH)),
    ("apk", Rules::new(Required, BOTH)),
    ("bazel", Rules::new(Prohibited, AS_IS)),
    ("bitbucket", Rules::new(Required, BOTH)),
    ("bitnami", Rules::new(Prohibited, NAME)),
    ("brew", Rules::new(Optional, BOTH)),
    ("chrome-extension", Rules::new(Prohibited, NAME)),
    ("cocoapods", Rules::new(Prohibited, AS_IS)),
    ("composer", Rules::new(Required, BOTH)),
    ("conan", Rules::new(Optional, AS_IS)),
    ("cpan", Rules::new(Optional, AS_IS)),
    ("deb", Rules::new(Required, BOTH)),
    ("docker", Rules::new(Optional, AS_IS)),
    ("gem", Rules::new(Prohibited, AS_IS)),
    ("generic", Rules::new(Optional, AS_IS)),
    ("git", Rules::new(Required, AS_IS)),
    ("github", Rules::new(Required, BOTH)),
    ("hackage", Rules::new(Prohibited, AS_IS)),
    ("hex", Rules::new(Optional, BOTH)),
    ("huggingface", Rules::new(Required, VERSION)),
    ("julia", Rules::new(Prohibited, AS_IS)),
    ("luarocks", Rules::new(Optional, BOTH)),
    ("mlflow", Rules::new(Prohibited, AS_IS)),
    ("nuget", Rules::new(Prohibited, AS_IS)),
    ("oci", Rules::new(Prohibited, NAME | VERSION)),
    ("opam", Rules::new(Prohibited, AS_IS)),
    ("otp", Rules::new(Prohibited, NAME)),
    ("pub", Rules::new(Prohibited, NAME)),
    ("qpkg", Rules::new(Required, NAMESPACE)),
    ("rpm", Rules::new(Required, NAMESPACE)),
    ("swid", Rules::new(Optional, AS_IS)),
    ("swift", Rules::new(Required, AS_IS)),
    ("vcpkg", Rules::new(Prohibited, AS_IS)),
    ("vscode-extension", Rules::new(Required, BOTH | VERSION)),
    ("yocto", Rules::new(Optional, NAMESPACE)),
];

/// Brings `purl` into its type's spelling. `Err` with what its type does not allow.
pub(super) fn apply(purl: &mut Purl, ecosystems: Ecosystems) -> Result<(), &'static str> {
    let registered = || TYPES.iter().find(|(ty, _)| *ty == purl.ty).map(|(_, rules)| *rules);
    let rules = ecosystems.by_purl_type(&purl.ty).map(|ecosystem| ecosystem.purl_rules).or_else(registered);
    if let Some(Rules { namespace, lower, alias }) = rules {
        match (namespace, &purl.namespace) {
            (Required, None) => return Err("its type needs a namespace before the name"),
            (Prohibited, Some(_)) => return Err("its type has no namespaces"),
            _ => {}
        }
        if lower & NAMESPACE != 0 {
            purl.namespace = purl.namespace.take().map(|namespace| namespace.to_lowercase());
        }
        if lower & NAME != 0 {
            purl.name = purl.name.to_lowercase();
        }
        if lower & VERSION != 0 {
            purl.version = purl.version.take().map(|version| version.to_lowercase());
        }
        if let Some((alias, written)) = alias {
            purl.name = purl.name.replace(alias, written.encode_utf8(&mut [0; 4]));
        }
    }
    // What only one type asks.
    match purl.ty.as_str() {
        "pub" => purl.name = purl.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
        "git" => git(purl),
        "mlflow" if purl.qualifiers.get("repository_url").is_some_and(|url| url.contains("azuredatabricks.net")) => {
            purl.name = purl.name.to_lowercase();
        }
        "cpan" if purl.name.contains("::") => return Err("its name is a module's, not a distribution's"),
        "julia" if !purl.qualifiers.contains_key("uuid") => return Err("its type needs the qualifier `uuid`"),
        "swid" if !purl.qualifiers.contains_key("tag_id") => return Err("its type needs the qualifier `tag_id`"),
        "chrome-extension" => chrome_extension(purl)?,
        _ => {}
    }
    Ok(())
}

/// The namespace is the host, the name the whole path there.
fn git(purl: &mut Purl) {
    let Some(namespace) = purl.namespace.take() else { return };
    let (host, path) = namespace.split_once('/').unwrap_or((&namespace, ""));
    if !path.is_empty() {
        purl.name = format!("{path}/{}", purl.name);
    }
    // Names there are the same in upper and lower case.
    if ["github", "github.com", "bitbucket.org"].iter().any(|known| known.eq_ignore_ascii_case(host)) {
        purl.name = purl.name.to_lowercase();
    }
    purl.namespace = Some(host.to_lowercase());
}

fn chrome_extension(purl: &Purl) -> Result<(), &'static str> {
    if purl.name.len() != 32 || !purl.name.bytes().all(|byte| matches!(byte, b'a'..=b'p')) {
        return Err("its name is not 32 letters of a to p");
    }
    let numbers = |version: &str| {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        version.split('.').count() <= 4 && version.split('.').all(is_number)
    };
    match &purl.version {
        Some(version) if !numbers(version) => Err("its version is not one to four numbers between dots"),
        _ => Ok(()),
    }
}
