//! What is a package made from, and what do others call that?
//!
//! The recipe in a package names its sources by address. An address at a registry says name and version there, and
//! advisories go by these: `https://pypi.org/packages/source/n/numpy/numpy-1.26.4.tar.gz` is `pkg:pypi/numpy@1.26.4`. What
//! lies elsewhere (a forge, somebody's own server) says nothing that is certain. The recipe is the word of whoever built the
//! package, as everything in it is.

use std::collections::BTreeMap;

use weir_core::Purl;

/// Most sources that are read of a recipe.
const MAX_SOURCES: usize = 64;
/// Most addresses that are read of one source.
const MAX_URLS: usize = 16;

/// One source of a recipe.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Source {
    /// Addresses of the same bytes; empty for what is no file at an address: a repository, a directory.
    pub urls: Vec<String>,
    /// SHA-256 as written.
    pub sha256: Option<String>,
}

/// The sources that a rendered recipe names. A recipe is a program's output in YAML, with its `source` in a block; what is
/// written otherwise is not read.
pub fn sources(recipe: &[u8]) -> Vec<Source> {
    let text = String::from_utf8_lossy(recipe);
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(head) = lines.find(|line| line.trim_end() == "source:" || line.trim() == "source:") else {
        return Vec::new();
    };
    let outer = indent(head);
    let within =
        lines.take_while(|line| indent(line) > outer || indent(line) == outer && line.trim_start().starts_with('-'));
    let mut sources: Vec<Source> = Vec::new();
    // Where the items of the list of sources begin; `None` while none has.
    let mut items: Option<usize> = None;
    let mut is_list_of_urls = false;
    for line in within {
        let at = indent(line);
        let mut rest = line.trim();
        if let Some(item) = rest.strip_prefix("- ").or_else(|| rest.strip_prefix('-')) {
            if is_list_of_urls && is_address(unquoted(item)) {
                if let Some(source) = sources.last_mut().filter(|source| source.urls.len() < MAX_URLS) {
                    source.urls.push(unquoted(item).to_owned());
                }
                continue;
            }
            if sources.is_empty() || items == Some(at) {
                items = Some(at);
                if sources.len() >= MAX_SOURCES {
                    break;
                }
                sources.push(Source::default());
            }
            rest = item.trim();
        } else if sources.is_empty() {
            sources.push(Source::default());
        }
        let Some((key, value)) = rest.split_once(':') else { continue };
        is_list_of_urls = key == "url" && value.trim().is_empty();
        let value = unquoted(value);
        let Some(source) = sources.last_mut() else { continue };
        match key {
            "url" if is_address(value) => source.urls.push(value.to_owned()),
            "sha256" if !value.is_empty() => source.sha256 = Some(value.to_owned()),
            _ => {}
        }
    }
    sources
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

fn is_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// The names that all sources have at registries, and whether each source has one.
pub fn names(sources: &[Source]) -> (Vec<String>, bool) {
    let mut names = Vec::new();
    let mut all = !sources.is_empty();
    for source in sources {
        let found: Vec<String> = source.urls.iter().filter_map(|url| name(url)).collect();
        all &= !found.is_empty();
        names.extend(found);
    }
    names.sort();
    names.dedup();
    (names, all)
}

/// The package URL of the release that is at an address; `None` if the address is at no registry that is known here.
pub fn name(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let path: Vec<&str> = url.path_segments()?.filter(|segment| !segment.is_empty()).collect();
    let purl = match url.host_str()? {
        "pypi.io" | "pypi.org" | "pypi.python.org" | "files.pythonhosted.org" => pypi(&path)?,
        "cran.r-project.org" | "cloud.r-project.org" | "cran.rstudio.com" => cran(&path)?,
        "crates.io" | "static.crates.io" => krate(&path)?,
        "registry.npmjs.org" => npm(&path)?,
        _ => return None,
    };
    Some(purl.to_string())
}

fn purl(ty: &str, namespace: Option<&str>, name: &str, version: &str) -> Purl {
    Purl {
        ty: ty.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        version: Some(version.to_owned()),
        qualifiers: BTreeMap::new(),
        subpath: None,
    }
}

/// `packages/source/n/numpy/numpy-1.26.4.tar.gz`, `packages/cp312/n/numpy/numpy-1.26.4-cp312-cp312-linux_x86_64.whl`,
/// `packages/ab/cd/HASH/numpy-1.26.4.tar.gz`.
fn pypi(path: &[&str]) -> Option<Purl> {
    let ["packages", between @ .., file] = path else { return None };
    let (name, version) = match file.strip_suffix(".whl") {
        Some(stem) => {
            let mut parts = stem.split('-');
            let found = (parts.next()?, parts.next()?);
            (3..=4).contains(&parts.count()).then_some(found)?
        }
        None => {
            let stem =
                [".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz"].iter().find_map(|end| file.strip_suffix(end))?;
            let (name, version) = stem.rsplit_once('-')?;
            // `foo-1.0-1`: nobody can say where the name ends.
            let is_clear = name.rsplit('-').next().is_some_and(|last| !last.starts_with(|c: char| c.is_ascii_digit()));
            is_clear.then_some((name, version))?
        }
    };
    let name = python_name(name)?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    // Where the project has a directory, both say the same.
    let of_directory = match between {
        [_, letter, project] if letter.len() == 1 => python_name(project)? == name,
        [_, _, hash] => hash.len() >= 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => false,
    };
    (is_version && of_directory).then(|| purl("pypi", None, &name, version))
}

/// PEP 503.
pub fn python_name(text: &str) -> Option<String> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() || text.len() > 200 || !text.bytes().all(is_fine) {
        return None;
    }
    let words: Vec<&str> = text.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join("-").to_ascii_lowercase())
}

/// `src/contrib/cli_3.6.2.tar.gz`, `src/contrib/Archive/cli/cli_3.6.2.tar.gz`.
fn cran(path: &[&str]) -> Option<Purl> {
    let file = match path {
        ["src", "contrib", file] => file,
        ["src", "contrib", "Archive", _, file] => file,
        _ => return None,
    };
    let (name, version) = file.strip_suffix(".tar.gz")?.split_once('_')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.') && !name.is_empty();
    let is_version = version.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    (is_name && is_version && !version.is_empty()).then(|| purl("cran", None, name, version))
}

/// `api/v1/crates/ripgrep/14.1.0/download`, `crates/ripgrep/ripgrep-14.1.0.crate`, `crates/ripgrep/14.1.0/download`.
fn krate(path: &[&str]) -> Option<Purl> {
    let (name, version) = match path {
        ["api", "v1", "crates", name, version, "download"] | ["crates", name, version, "download"] => (*name, *version),
        ["crates", name, file] => (*name, file.strip_suffix(".crate")?.strip_prefix(name)?.strip_prefix('-')?),
        _ => return None,
    };
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_version = version.starts_with(|c: char| c.is_ascii_digit());
    (is_name && is_version).then(|| purl("cargo", None, name, version))
}

/// `semver/-/semver-7.5.4.tgz`, `@types/node/-/node-20.0.0.tgz`.
fn npm(path: &[&str]) -> Option<Purl> {
    let (scope, name, file) = match path {
        [name, "-", file] => (None, *name, *file),
        [scope, name, "-", file] if scope.starts_with('@') => (Some(*scope), *name, *file),
        _ => return None,
    };
    let version = file.strip_suffix(".tgz")?.strip_prefix(name)?.strip_prefix('-')?;
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| purl("npm", scope, name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_at_a_registry_is_a_name_there() {
        for (url, expected) in [
            ("https://pypi.io/packages/source/n/numpy/numpy-1.26.4.tar.gz", "pkg:pypi/numpy@1.26.4"),
            ("https://pypi.org/packages/source/P/PyYAML/pyyaml-6.0.1.tar.gz", "pkg:pypi/pyyaml@6.0.1"),
            (
                "https://files.pythonhosted.org/packages/source/p/python-dateutil/python-dateutil-2.9.0.post0.tar.gz",
                "pkg:pypi/python-dateutil@2.9.0.post0",
            ),
            (
                "https://pypi.org/packages/py3/z/zope.interface/zope.interface-6.1-py3-none-any.whl",
                "pkg:pypi/zope-interface@6.1",
            ),
            (
                "https://files.pythonhosted.org/packages/ab/cd/0123456789abcdef0123456789abcdef0123456789abcdef/x_y-1!2.0.zip",
                "pkg:pypi/x-y@1%212.0",
            ),
            ("https://cran.r-project.org/src/contrib/cli_3.6.2.tar.gz", "pkg:cran/cli@3.6.2"),
            ("https://cloud.r-project.org/src/contrib/Archive/cli/cli_3.6-2.tar.gz", "pkg:cran/cli@3.6-2"),
            ("https://crates.io/api/v1/crates/ripgrep/14.1.0/download", "pkg:cargo/ripgrep@14.1.0"),
            ("https://static.crates.io/crates/ripgrep/ripgrep-14.1.0.crate", "pkg:cargo/ripgrep@14.1.0"),
            ("https://registry.npmjs.org/semver/-/semver-7.5.4.tgz", "pkg:npm/semver@7.5.4"),
            ("https://registry.npmjs.org/@types/node/-/node-20.0.0.tgz", "pkg:npm/%40types/node@20.0.0"),
        ] {
            assert_eq!(name(url).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn what_is_not_certain_is_no_name() {
        for url in [
            "https://github.com/numpy/numpy/releases/download/v1.26.4/numpy-1.26.4.tar.gz",
            "https://pypi.org.evil.example/packages/source/n/numpy/numpy-1.26.4.tar.gz",
            "https://pypi.org/packages/source/n/numpy/other-1.26.4.tar.gz",
            "https://pypi.org/packages/source/f/foo/foo-1.0-1.tar.gz",
            "https://pypi.org/packages/source/n/numpy/numpy-latest.tar.gz",
            "https://pypi.org/packages/source/n/numpy/numpy-1.26.4.tar.gz/x",
            "https://pypi.org/project/numpy/",
            "https://files.pythonhosted.org/packages/x/y/z/numpy-1.0.tar.gz",
            "https://cran.r-project.org/web/packages/cli/index.html",
            "https://crates.io/crates/ripgrep/other-14.1.0.crate",
            "https://registry.npmjs.org/semver/-/other-7.5.4.tgz",
            "file:///x",
            "",
        ] {
            assert_eq!(name(url), None, "{url}");
        }
    }

    #[test]
    fn the_sources_of_a_recipe_are_read_in_every_form_that_the_tools_write() {
        let conda_build = "package:\n  name: demo\nsource:\n  fn: demo.tar.gz\n  url: https://a.example/demo.tar.gz\n  sha256: abc\n\
                           build:\n  url: https://no.example/\n";
        assert_eq!(
            sources(conda_build.as_bytes()),
            [Source { urls: vec![String::from("https://a.example/demo.tar.gz")], sha256: Some(String::from("abc")) }]
        );
        let list = "source:\n  - sha256: abc\n    url: https://a.example/1\n    patches:\n      - a.patch\n  - git_url: \
                    https://a.example/x.git\n  - url:\n      - https://a.example/2\n      - 'https://b.example/2'\n    sha256: def\n";
        let read = sources(list.as_bytes());
        let urls: Vec<Vec<&str>> = read.iter().map(|source| source.urls.iter().map(String::as_str).collect()).collect();
        assert_eq!(urls, [vec!["https://a.example/1"], vec![], vec!["https://a.example/2", "https://b.example/2"]]);
        assert_eq!(read[2].sha256.as_deref(), Some("def"));
        let rattler = "recipe:\n  schema_version: 1\n  source:\n  - url: https://a.example/1\n    sha256: abc\n  - path: x\n  build:\n    \
                       number: 0\nfinalized_sources:\n- url: https://no.example/\n";
        assert_eq!(sources(rattler.as_bytes()).len(), 2);
        assert_eq!(sources(b"build: {}\n"), []);
        assert_eq!(sources(&[0xff; 50]), []);
    }

    #[test]
    fn names_are_whole_only_if_every_source_has_one() {
        let source = |urls: &[&str]| Source { urls: urls.iter().map(|url| (*url).to_owned()).collect(), sha256: None };
        let pypi = source(&["https://pypi.org/packages/source/n/numpy/numpy-1.26.4.tar.gz"]);
        let mirrored = source(&[
            "https://cran.r-project.org/src/contrib/cli_3.6.2.tar.gz",
            "https://cran.r-project.org/src/contrib/Archive/cli/cli_3.6.2.tar.gz",
        ]);
        assert_eq!(names(&[mirrored]), (vec![String::from("pkg:cran/cli@3.6.2")], true));
        assert_eq!(names(&[pypi.clone(), source(&[])]), (vec![String::from("pkg:pypi/numpy@1.26.4")], false));
        assert!(!names(&[pypi, source(&["https://github.com/a/b.tar.gz"])]).1);
        assert_eq!(names(&[]), (vec![], false));
    }
}
