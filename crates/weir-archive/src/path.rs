//! Paths inside archives: one reading, and notes where other readers would read something else.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::notes::{Notes, shown};
use crate::{ArchiveError, Limits};

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// Devices, pipes and whatever else no package needs.
    Special,
}

/// All paths of an archive.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    all: Vec<Named>,
    picked: Vec<String>,
    bytes: u64,
}

#[derive(Debug)]
struct Named {
    path: String,
    kind: Kind,
    /// Equal where the bytes are; `None` where that is not known.
    content: Option<u64>,
}

impl Paths {
    /// Reads an entry's path into its normal form: components joined by `/`, without `.` and empty ones.
    pub(crate) fn read(
        &mut self,
        raw: &[u8],
        kind: Kind,
        limits: &Limits,
        notes: &mut Notes,
    ) -> Result<String, ArchiveError> {
        if raw.len() > limits.path_bytes {
            let start = String::from_utf8_lossy(&raw[..raw.len().min(400)]).into_owned();
            return Err(ArchiveError::Limit(format!(
                "the path {} is {} bytes long; at most {} are read",
                shown(&start),
                raw.len(),
                limits.path_bytes
            )));
        }
        self.bytes += raw.len() as u64;
        if self.bytes > limits.directory_bytes {
            return Err(ArchiveError::Limit(format!(
                "the paths are longer than {} bytes together",
                limits.directory_bytes
            )));
        }
        let text = String::from_utf8_lossy(raw);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            notes.add(|| format!("the path {} is not UTF-8", shown(&text)));
        }
        if let Some(problem) = problem(&text) {
            notes.add(|| format!("the path {} {problem}", shown(&text)));
        }
        let path = normal(&text);
        if path.is_empty() {
            // `./` is how many tools write the root itself; anything else needs a name.
            if kind != Kind::Directory {
                notes.add(|| String::from("an entry has no name"));
            }
        } else {
            self.all.push(Named { path: path.clone(), kind, content: None });
        }
        Ok(path)
    }

    /// Tells what the bytes are of the entry that was read last. Older cargo packed some files twice; the same file twice
    /// has one reading.
    pub(crate) fn content(&mut self, path: &str, content: u64) {
        if let Some(last) = self.all.last_mut().filter(|last| last.path == path) {
            last.content = Some(content);
        }
    }

    /// Remembers that this path was picked.
    pub(crate) fn pick(&mut self, path: &str) {
        self.picked.push(path.to_owned());
    }

    /// Notes paths that stand for more than one entry.
    pub(crate) fn finish(mut self, notes: &mut Notes) {
        self.all.sort_by(|a, b| by_components(&a.path, &b.path));
        for pair in self.all.windows(2) {
            let [a, b] = pair else { continue };
            let same =
                a.kind == b.kind && (a.kind == Kind::Directory || (a.content.is_some() && a.content == b.content));
            if a.path == b.path && !same {
                notes.add(|| format!("two entries have the path {}", shown(&a.path)));
            }
        }
        // In this order, whatever lies under a path follows it at once.
        let mut leaf: Option<&str> = None;
        for Named { path, kind, .. } in &self.all {
            match leaf {
                Some(above) if path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')) => {
                    notes.add(|| format!("{} lies under {}, which is not a directory", shown(path), shown(above)));
                }
                _ => leaf = (*kind != Kind::Directory).then_some(path),
            }
        }
        let picked: HashMap<String, &str> =
            self.picked.iter().map(|path| (path.to_lowercase(), path.as_str())).collect();
        if !picked.is_empty() {
            for Named { path, .. } in &self.all {
                if let Some(other) = picked.get(&path.to_lowercase())
                    && other != path
                {
                    notes.add(|| format!("{} and {} differ only in case", shown(path), shown(other)));
                }
            }
        }
    }
}

/// True if a link at `path` to `target` leads out of the archive.
pub(crate) fn leads_out(path: &str, target: &str, from_root: bool) -> bool {
    if problem(target).is_some_and(|problem| problem != CLIMBS) {
        return true;
    }
    let mut depth = if from_root { 0 } else { path.split('/').count() as i64 - 1 };
    for component in target.split('/') {
        match component {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

const CLIMBS: &str = "has a component `..`";

fn problem(path: &str) -> Option<&'static str> {
    let bytes = path.as_bytes();
    if bytes.contains(&0) {
        Some("contains NUL, where some readers end it")
    } else if bytes.contains(&b'\\') {
        Some("contains a backslash, which some readers take for a separator")
    } else if bytes.first() == Some(&b'/') {
        Some("is absolute")
    } else if bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
        Some("begins with a drive letter")
    } else if path.split('/').any(|component| component == "..") {
        Some(CLIMBS)
    } else {
        None
    }
}

fn normal(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for component in path.split('/').filter(|component| !component.is_empty() && *component != ".") {
        if !out.is_empty() {
            out.push('/');
        }
        out.push_str(component);
    }
    out
}

fn by_components(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes_of(entries: &[(&str, Kind)], picked: &[&str]) -> Vec<String> {
        let (mut paths, mut notes) = (Paths::default(), Notes::default());
        for (path, kind) in entries {
            paths.read(path.as_bytes(), *kind, &Limits::DEFAULT, &mut notes).unwrap();
        }
        for path in picked {
            paths.pick(path);
        }
        paths.finish(&mut notes);
        notes.finish()
    }

    #[test]
    fn an_ordinary_tree_gives_no_note() {
        let tree = [
            ("./", Kind::Directory),
            ("./a/", Kind::Directory),
            ("a/", Kind::Directory),
            ("a/b.txt", Kind::File),
            ("a-b/c", Kind::File),
            ("a/README", Kind::File),
            ("a/readme", Kind::File),
        ];
        assert_eq!(notes_of(&tree, &["a/b.txt"]), Vec::<String>::new());
    }

    #[test]
    fn paths_that_readers_take_differently_are_noted() {
        for path in ["/etc/passwd", "a/../../b", "C:/x", "a\\b", "a\0b", "..", ""] {
            assert_eq!(notes_of(&[(path, Kind::File)], &[]).len(), 1, "{path:?}");
        }
    }

    #[test]
    fn a_path_that_stands_twice_is_noted() {
        assert_eq!(notes_of(&[("a", Kind::File), ("./a", Kind::File)], &[]), ["two entries have the path `a`"]);
        assert_eq!(notes_of(&[("a", Kind::File), ("a/", Kind::Directory)], &[]), ["two entries have the path `a`"]);
    }

    #[test]
    fn case_matters_only_where_a_picked_path_is_concerned() {
        let entries = [("x/METADATA", Kind::File), ("x/metadata", Kind::File)];
        assert!(notes_of(&entries, &[]).is_empty());
        assert_eq!(notes_of(&entries, &["x/METADATA"]), ["`x/metadata` and `x/METADATA` differ only in case"]);
    }

    #[test]
    fn an_entry_under_a_link_is_noted_in_any_order() {
        let entries = [("d/l/x", Kind::File), ("d/l", Kind::Link), ("d/l-2", Kind::File)];
        assert_eq!(notes_of(&entries, &[]), ["`d/l/x` lies under `d/l`, which is not a directory"]);
    }

    #[test]
    fn links_that_lead_out_are_told_from_those_that_stay() {
        assert!(!leads_out("a/b/c", "../d", false));
        assert!(!leads_out("a/b", "../d", false));
        assert!(leads_out("a/b", "../../d", false));
        assert!(leads_out("a/b", "/etc/passwd", false));
        assert!(leads_out("a/b", "c/../../../d", false));
        assert!(!leads_out("a/b", "a/c", true));
        assert!(leads_out("a/b", "../c", true));
    }
}
