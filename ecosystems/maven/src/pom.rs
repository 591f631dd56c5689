//! The POM: what a release says of itself.
//!
//! Specification: <https://maven.apache.org/pom.html>, the Maven model reference. Read without resolving anything: a value
//! that its parent would give is not here, and a property that is not defined in the same file stays as it is written.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::xml::Xml;

/// Largest POM that is read, in bytes. The largest on Central have about 2 MiB.
pub const MAX_POM: usize = 4 * 1024 * 1024;
/// Most licences, developers, modules or dependencies of a kind that are kept.
pub const MAX_LIST: usize = 200;
/// Longest text that is kept, in characters.
const MAX_TEXT: usize = 1000;
/// Most times that a property is looked up within a property.
const MAX_PROPERTY_DEPTH: usize = 5;

/// What counts of a POM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pom {
    /// Its own, else its parent's.
    pub group: String,
    /// Its artifact id.
    pub artifact: String,
    /// Its own, else its parent's.
    pub version: String,
    /// `jar` unless it says otherwise.
    pub packaging: String,
    /// Its parent, as `group:artifact:version`.
    pub parent: Option<String>,
    /// The licences that it lists itself. `None` where it has no place for them and a parent may have one.
    pub license: Option<String>,
    /// All else that is kept for the memory.
    pub said: Map<String, Value>,
}

impl Pom {
    /// Reads a POM, or says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MAX_POM {
            return Err(format!("it is longer than {MAX_POM} bytes"));
        }
        let text = text(bytes);
        let xml = Xml::read(&text)?;
        if xml.root() != "project" {
            return Err(format!("its root is `{}`, not `project`", clip(xml.root())));
        }
        let reading = Reading { xml: &xml };
        let parent = xml.child(0, "parent");
        let of_parent = |name: &str| parent.and_then(|parent| xml.text_at(parent, name)).map(|text| clip(&text));
        let own = |name: &str| xml.text_at(0, name).map(|text| reading.value(&text));
        let coordinate =
            |name: &str| own(name).filter(|text| !text.is_empty()).or_else(|| of_parent(name)).unwrap_or_default();
        let parent = of_parent("artifactId").map(|artifact| {
            let part = |name: &str| of_parent(name).unwrap_or_default();
            format!("{}:{artifact}:{}", part("groupId"), part("version"))
        });
        let license = reading.license(parent.is_some());
        Ok(Self {
            group: coordinate("groupId"),
            artifact: own("artifactId").unwrap_or_default(),
            version: coordinate("version"),
            packaging: own("packaging").filter(|text| !text.is_empty()).unwrap_or_else(|| String::from("jar")),
            said: reading.said(parent.as_deref()),
            parent,
            license,
        })
    }
}

struct Reading<'x, 'a> {
    xml: &'x Xml<'a>,
}

impl Reading<'_, '_> {
    /// A value with the file's own properties put in.
    fn value(&self, text: &str) -> String {
        let mut value = clip(text);
        for _ in 0..MAX_PROPERTY_DEPTH {
            let Some((before, rest)) = value.split_once("${") else { break };
            let Some((name, after)) = rest.split_once('}') else { break };
            let found = match name.strip_prefix("project.").or_else(|| name.strip_prefix("pom.")) {
                Some(name) if matches!(name, "groupId" | "artifactId" | "version" | "name" | "url") => {
                    let parent = || self.xml.child(0, "parent").and_then(|parent| self.xml.text_at(parent, name));
                    self.xml.text_at(0, name).or_else(parent)
                }
                Some(_) => None,
                None => self.xml.child(0, "properties").and_then(|all| self.xml.text_at(all, name)),
            };
            let Some(found) = found else { break };
            value = clip(&format!("{before}{found}{after}"));
        }
        value
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        let number = self.xml.find(path)?;
        let value = self.value(&self.xml.text_of(number));
        (!value.is_empty()).then_some(value)
    }

    /// Names, or where there are none addresses, of the licences; Maven means any of them where there are several.
    fn license(&self, has_parent: bool) -> Option<String> {
        let Some(list) = self.xml.child(0, "licenses") else { return (!has_parent).then(String::new) };
        let named = self.xml.children(list).filter(|(_, child)| child.name == "license").take(MAX_LIST).filter_map(
            |(license, _)| {
                let part = |name: &str| {
                    self.xml.text_at(license, name).map(|text| self.value(&text)).filter(|text| !text.is_empty())
                };
                part("name").or_else(|| part("url"))
            },
        );
        let named: Vec<String> = named.collect();
        Some(match named.as_slice() {
            [one] => one.clone(),
            // An expression only where each is a word by itself; else their names are no expression either.
            many if many.iter().all(|name| !name.contains(' ')) => many.join(" OR "),
            many => clip(&many.join(", ")),
        })
    }

    fn said(&self, parent: Option<&str>) -> Map<String, Value> {
        let mut said = Map::new();
        let mut keep = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                said.insert(key.to_owned(), value);
            }
        };
        keep("parent", parent.map(Value::from));
        for (key, path) in [
            ("name", &["name"][..]),
            ("homepage", &["url"]),
            ("repository", &["scm", "url"]),
            ("connection", &["scm", "connection"]),
            ("tag", &["scm", "tag"]),
            ("organization", &["organization", "name"]),
            ("packaging", &["packaging"]),
        ] {
            keep(key, self.text(path).map(Value::from));
        }
        if let Some(relocation) = self.xml.find(&["distributionManagement", "relocation"]) {
            let part = |name: &str| self.xml.text_at(relocation, name).map(|text| self.value(&text));
            keep(
                "relocation",
                Some(json!({
                    "group": part("groupId"), "artifact": part("artifactId"), "version": part("version"), "why": part("message"),
                })),
            );
        }
        keep("dependencies", self.dependencies());
        keep("repositories", self.repositories());
        said
    }

    /// How many dependencies there are, by scope.
    fn dependencies(&self) -> Option<Value> {
        let list = self.xml.child(0, "dependencies")?;
        let mut counts: Map<String, Value> = Map::new();
        for (dependency, _) in self.xml.children(list).filter(|(_, child)| child.name == "dependency") {
            let scope = self.xml.text_at(dependency, "scope").unwrap_or(Cow::Borrowed("compile"));
            let known = ["compile", "provided", "runtime", "test", "system", "import"];
            let scope = known.into_iter().find(|known| *known == scope).unwrap_or("other");
            let count = counts.get(scope).and_then(Value::as_u64).unwrap_or_default();
            counts.insert(scope.to_owned(), Value::from(count + 1));
        }
        Some(Value::Object(counts))
    }

    /// Repositories of its own, that Maven would ask beside the configured one were it not mirrored.
    fn repositories(&self) -> Option<Value> {
        let list = self.xml.child(0, "repositories")?;
        let urls = self.xml.children(list).take(MAX_LIST).filter_map(|(number, _)| self.xml.text_at(number, "url"));
        Some(urls.map(|url| Value::from(clip(&url))).collect())
    }
}

/// The text of a POM: UTF-8, or what ISO-8859-1 makes of it, which old ones are in.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

pub(crate) fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inner: &str) -> Pom {
        Pom::read(format!("<project>{inner}</project>").as_bytes()).unwrap()
    }

    #[test]
    fn a_pom_takes_from_its_parent_what_it_does_not_say() {
        let pom = read(
            "<parent><groupId>g</groupId><artifactId>p</artifactId><version>2</version></parent><artifactId>a</artifactId>",
        );
        assert_eq!((pom.group.as_str(), pom.artifact.as_str(), pom.version.as_str()), ("g", "a", "2"));
        assert_eq!((pom.packaging.as_str(), pom.parent.as_deref()), ("jar", Some("g:p:2")));
        // Its parent may have one.
        assert_eq!(pom.license, None);
        assert_eq!(read("<artifactId>a</artifactId>").license.as_deref(), Some(""));
    }

    #[test]
    fn licences_are_named_as_they_are_written() {
        let license = |list: &str| read(&format!("<licenses>{list}</licenses>")).license.unwrap();
        assert_eq!(
            license("<license><name>Apache License, Version 2.0</name></license>"),
            "Apache License, Version 2.0"
        );
        assert_eq!(
            license("<license><name>MIT</name></license><license><name>EPL-2.0</name></license>"),
            "MIT OR EPL-2.0"
        );
        assert_eq!(license("<license><name>MIT</name></license><license><name>The X</name></license>"), "MIT, The X");
        assert_eq!(license("<license><url>https://x.example/l</url></license>"), "https://x.example/l");
        assert_eq!(license(""), "");
    }

    #[test]
    fn properties_of_the_same_file_are_put_in() {
        let pom = read(
            "<groupId>g</groupId><artifactId>a</artifactId><version>${revision}</version><properties><revision>1.${x}</revision>\
             <x>5</x><loop>${loop}</loop></properties><name>${project.groupId} ${nobody}</name><url>${loop}</url>",
        );
        assert_eq!(pom.version, "1.5");
        assert_eq!(pom.said["name"], "g ${nobody}");
        assert_eq!(pom.said["homepage"], "${loop}");
    }

    #[test]
    fn what_a_release_says_of_itself_is_kept() {
        let pom = read(
            "<scm><url>https://x.example/s</url><tag>v1</tag></scm><dependencies><dependency><scope>test</scope></dependency>\
             <dependency/></dependencies><distributionManagement><relocation><groupId>new</groupId></relocation>\
             </distributionManagement><repositories><repository><url>http://r.example/</url></repository></repositories>",
        );
        let expected = json!({
            "repository": "https://x.example/s",
            "tag": "v1",
            "relocation": { "group": "new", "artifact": null, "version": null, "why": null },
            "dependencies": { "test": 1, "compile": 1 },
            "repositories": ["http://r.example/"],
        });
        assert_eq!(Value::Object(pom.said), expected);
    }

    #[test]
    fn what_is_no_pom_is_refused() {
        for bytes in [&b""[..], b"<metadata/>", b"<!DOCTYPE x><project/>", b"\xff\xfe", b"<project>"] {
            assert!(Pom::read(bytes).is_err(), "{bytes:?}");
        }
        let long = |length: usize| format!("<project>{}</project>", " ".repeat(length - 19)).into_bytes();
        assert!(Pom::read(&long(MAX_POM)).is_ok());
        assert!(Pom::read(&long(MAX_POM + 1)).is_err());
        assert_eq!(Pom::read(b"<project><name>J\xf6rg</name></project>").unwrap().said["name"], "Jörg");
    }
}
