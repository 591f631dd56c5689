//! `go.mod` and `go.sum`.
//!
//! Specification: the Go modules reference, "go.mod files" and "go.sum files". Since Go 1.17 a `go.mod` names every module
//! that a build takes something of, with the version that is taken; those that only others need say `// indirect`. A
//! `go.sum` names more: also what was looked at to choose versions, and what was taken before. Its digests are of the
//! archive's contents, not of its bytes.

use weir_core::Purl;
use weir_core::ecosystem::{Names as _, Versions as _};
use weir_core::lockfile::{Format, InvalidLockfile, Locked, Lockfile, Why};

use crate::ECOSYSTEM;
use crate::name::Paths;
use crate::version::Semver;

/// What is read.
pub const FORMATS: &[Format] = &[
    Format { name: "go.mod", files: &["go.mod"], read: read_mod },
    Format { name: "go.sum", files: &["go.sum"], read: read_sum },
];

fn locked(path: &str, version: &str, line: usize) -> Option<Locked> {
    let path = Paths.parse(path).ok()?;
    Semver.sort_key(version).ok()?;
    Some(Locked::new(Purl::new(&ECOSYSTEM, &path, Some(version)), line))
}

fn read_sum(text: &str) -> Result<Lockfile, InvalidLockfile> {
    let mut read = Lockfile::default();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next(), words.next(), words.next()) {
            (None, ..) => {}
            // Only the module's `go.mod` was looked at.
            (Some(_), Some(version), Some(_), None) if version.ends_with("/go.mod") => {}
            (Some(path), Some(version), Some(_), None) => match locked(path, version, number) {
                Some(locked) => read.packages.push(locked),
                None => read.unlocked(line, number, Why::Unreadable),
            },
            _ => {
                let problem = String::from("a line has a module, its version and a digest");
                return Err(InvalidLockfile { expected: "go.sum", line: Some(number), problem });
            }
        }
    }
    Ok(read)
}

fn read_mod(text: &str) -> Result<Lockfile, InvalidLockfile> {
    let mut read = Lockfile::default();
    let mut replaced: Vec<(String, Option<String>, Vec<String>)> = Vec::new();
    let mut block: Option<&str> = None;
    let mut has_module = false;
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let words: Vec<&str> = code.split_ascii_whitespace().map(|word| word.trim_matches(['"', '`'])).collect();
        let (verb, rest) = match (block, words.as_slice()) {
            (_, []) => continue,
            (Some(_), [")"]) => {
                block = None;
                continue;
            }
            (Some(verb), rest) => (verb, rest),
            (None, [verb, "("]) => {
                block = Some(verb);
                continue;
            }
            (None, [verb, rest @ ..]) => (*verb, rest),
        };
        match (verb, rest) {
            ("module", _) => has_module = true,
            ("require", [path, version]) => match locked(path, version, number) {
                Some(mut locked) => {
                    locked.direct = Some(comment.split(';').all(|part| part.trim() != "indirect"));
                    read.packages.push(locked);
                }
                None => read.unlocked(code.trim(), number, Why::Unreadable),
            },
            ("require", _) => {
                let problem = String::from("`require` names a module and its version");
                return Err(InvalidLockfile { expected: "go.mod", line: Some(number), problem });
            }
            ("replace", rest) => {
                let mut sides = rest.splitn(2, |word| *word == "=>");
                let (Some([old, of @ ..]), Some(new)) = (sides.next(), sides.next()) else { continue };
                let version = of.first().map(|version| (*version).to_owned());
                let words = new.iter().map(|word| (*word).to_owned());
                replaced.push(((*old).to_owned(), version, words.chain([number.to_string()]).collect()));
            }
            _ => {}
        }
    }
    if !has_module {
        let problem = String::from("it has no `module` line");
        return Err(InvalidLockfile { expected: "go.mod", line: None, problem });
    }
    for (old, version, new) in replaced {
        replace(&mut read, &old, version.as_deref(), &new);
    }
    Ok(read)
}

/// Another module, or a folder, takes a module's place. The last word of `new` is the line.
fn replace(read: &mut Lockfile, old: &str, version: Option<&str>, new: &[String]) {
    let Ok(old) = Paths.parse(old) else { return };
    let is_old = |locked: &Locked| {
        let purl = &locked.purl;
        let path = Paths.from_purl(purl.namespace.as_deref(), &purl.name);
        path.as_ref() == Ok(&old) && (version.is_none() || purl.version.as_deref() == version)
    };
    let Some(at) = read.packages.iter().position(is_old) else { return };
    match new {
        [path, version, line] => {
            let line = line.parse().unwrap_or_default();
            match (locked(path, version, line), read.packages.get_mut(at)) {
                (Some(new), Some(place)) => *place = Locked { direct: place.direct, ..new },
                _ => read.unlocked(&format!("{path} {version}"), line, Why::Unreadable),
            }
        }
        [path, line] => {
            read.packages.remove(at);
            read.unlocked(&format!("{old} => {path}"), line.parse().unwrap_or_default(), Why::NotFromRegistry);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(format: usize, text: &str) -> Vec<String> {
        let read = FORMATS[format].read_bytes(text.as_bytes()).unwrap();
        let told = read.packages.iter().map(|it| format!("{} line {} {:?}", it.purl, it.line, it.direct));
        told.chain(read.unlocked.iter().map(|it| format!("{} line {}: {}", it.text, it.line, it.why.text()))).collect()
    }

    #[test]
    fn a_go_mod_tells_what_is_asked_for_and_what_takes_its_place() {
        let text = "module example.com/app\n\ngo 1.24\n\nrequire (\n\tgolang.org/x/text v0.3.7\n\
                    \tgolang.org/x/sys v0.1.0 // indirect\n\texample.com/old v1.0.0\n\texample.com/near v1.0.0\n)\n\
                    require rsc.io/quote v1.5.2 // a comment; indirect\n\
                    replace example.com/old => example.com/new v1.2.0\n\
                    replace (\n\texample.com/near v1.0.0 => ../near\n\texample.com/none => ./x\n)\n";
        assert_eq!(
            told(0, text),
            [
                "pkg:golang/golang.org/x/text@v0.3.7 line 6 Some(true)",
                "pkg:golang/golang.org/x/sys@v0.1.0 line 7 Some(false)",
                "pkg:golang/example.com/new@v1.2.0 line 12 Some(true)",
                "pkg:golang/rsc.io/quote@v1.5.2 line 11 Some(false)",
                "example.com/near => ../near line 14: not from a registry",
            ]
        );
    }

    #[test]
    fn a_go_sum_tells_the_modules_whose_archives_were_taken() {
        let text = "golang.org/x/text v0.3.7 h1:olpwvP2KacW1ZWvsR7uQhoyTYvKAupfQrRGBFM352Gk=\n\
                    golang.org/x/text v0.3.7/go.mod h1:u+2+/6zg+i71rQMx5EYifcz6MCKuco9NR6JIITiCfzQ=\n\
                    golang.org/x/tools v0.1.0/go.mod h1:x=\n\nbad v1.0.0 h1:x=\n";
        assert_eq!(
            told(1, text),
            ["pkg:golang/golang.org/x/text@v0.3.7 line 1 None", "bad v1.0.0 h1:x= line 5: it cannot be read"]
        );
        assert_eq!(FORMATS[1].read_bytes(b"a v1.0.0 h1:x=\nhello\n").unwrap_err().line, Some(2));
        assert!(FORMATS[0].read_bytes(b"hello\n").is_err());
    }
}
