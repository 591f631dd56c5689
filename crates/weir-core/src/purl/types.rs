//! What a type of package URLs asks of its parts, and in which spelling they are the same.
//!
//! Specification: the type definitions of package-url/purl-spec (ECMA-427, annex). A type that is not registered has no
//! rules.

use super::Purl;

/// Whether a type has namespaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Namespace {
    Required,
    Optional,
    Prohibited,
}
use Namespace::{Optional, Prohibited, Required};

// Which parts are the same in upper and lower case, and are written in lower case.
const AS_IS: u8 = 0;
const NAMESPACE: u8 = 1;
const NAME: u8 = 2;
const VERSION: u8 = 4;
const BOTH: u8 = NAMESPACE | NAME;

/// The registered types: whether they have namespaces, and what is written in lower case.
const TYPES: [(&str, Namespace, u8); 42] = [
    ("alpm", Required, BOTH),
    ("apk", Required, BOTH),
    ("bazel", Prohibited, AS_IS),
    ("bitbucket", Required, BOTH),
    ("bitnami", Prohibited, NAME),
    ("brew", Optional, BOTH),
    ("cargo", Prohibited, AS_IS),
    ("chrome-extension", Prohibited, NAME),
    ("cocoapods", Prohibited, AS_IS),
    ("composer", Required, BOTH),
    ("conan", Optional, AS_IS),
    ("conda", Prohibited, AS_IS),
    ("cpan", Optional, AS_IS),
    ("cran", Prohibited, AS_IS),
    ("deb", Required, BOTH),
    ("docker", Optional, AS_IS),
    ("gem", Prohibited, AS_IS),
    ("generic", Optional, AS_IS),
    ("git", Required, AS_IS),
    ("github", Required, BOTH),
    ("golang", Required, AS_IS),
    ("hackage", Prohibited, AS_IS),
    ("hex", Optional, BOTH),
    ("huggingface", Required, VERSION),
    ("julia", Prohibited, AS_IS),
    ("luarocks", Optional, BOTH),
    ("maven", Required, AS_IS),
    ("mlflow", Prohibited, AS_IS),
    ("npm", Optional, AS_IS),
    ("nuget", Prohibited, AS_IS),
    ("oci", Prohibited, NAME | VERSION),
    ("opam", Prohibited, AS_IS),
    ("otp", Prohibited, NAME),
    ("pub", Prohibited, NAME),
    ("pypi", Prohibited, NAME | VERSION),
    ("qpkg", Required, NAMESPACE),
    ("rpm", Required, NAMESPACE),
    ("swid", Optional, AS_IS),
    ("swift", Required, AS_IS),
    ("vcpkg", Prohibited, AS_IS),
    ("vscode-extension", Required, BOTH | VERSION),
    ("yocto", Optional, NAMESPACE),
];

/// Brings `purl` into its type's spelling. `Err` with what its type does not allow.
pub(super) fn apply(purl: &mut Purl) -> Result<(), &'static str> {
    if let Some((_, namespace, lower)) = TYPES.iter().find(|(ty, ..)| *ty == purl.ty) {
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
    }
    // What only one type asks.
    match purl.ty.as_str() {
        "pypi" => purl.name = purl.name.replace('_', "-"),
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
