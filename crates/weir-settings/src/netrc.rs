//! netrc: `machine NAME login USER password TOKEN`, in any number of lines.

use weir_core::client::{Change, Value};

use crate::edit::{Unreadable, push_line};

pub(crate) fn change(text: &str, change: &Change) -> Result<String, Unreadable> {
    let (path, table) = match change {
        Change::Set(path, Value::Table(fields)) => (path, Some(fields)),
        Change::Set(..) => return Ok(text.to_owned()),
        Change::Remove(path) | Change::RemoveWith(path, _) => (path, None),
    };
    let Some(machine) = path.first() else { return Ok(text.to_owned()) };
    let entry = table.map(|fields| {
        let mut entry = format!("machine {machine}\n");
        for (name, value) in fields {
            if let Value::Text(value) = value {
                entry.push_str(&format!("{name} {value}\n"));
            }
        }
        entry
    });
    let found = entries(text)
        .ok_or_else(|| Unreadable::malformed("netrc", "its last word should be followed by what it is about"))?;
    let same = found.iter().find(|found| found.machine == Some(machine.as_str()));
    Ok(match (same, entry) {
        (Some(same), Some(entry)) => {
            let old: Vec<&str> = text[same.start..same.end].split_whitespace().collect();
            if old == entry.split_whitespace().collect::<Vec<_>>() {
                return Ok(text.to_owned());
            }
            format!("{}{entry}{}", &text[..same.start], &text[same.end..])
        }
        (Some(same), None) => format!("{}{}", &text[..same.start], &text[same.end..]),
        (None, Some(entry)) => match found.iter().find(|found| found.machine.is_none()) {
            // Whatever stands behind `default` is never looked at.
            Some(default) => format!("{}{entry}{}", &text[..default.start], &text[default.start..]),
            None => {
                let mut out = text.to_owned();
                push_line(&mut out, entry.trim_end());
                out
            }
        },
        (None, None) => text.to_owned(),
    })
}

/// An entry, from its first word to just behind its last line.
struct Entry<'a> {
    /// `None` for `default`.
    machine: Option<&'a str>,
    start: usize,
    end: usize,
}

/// All entries; `None` where a word that needs another stands at the end.
fn entries(text: &str) -> Option<Vec<Entry<'_>>> {
    let words = words(text);
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut at = 0;
    while let Some(&(start, word)) = words.get(at) {
        let end_of = |start: usize, word: &str| {
            let end = start + word.len();
            // The rest of the line goes along if nothing is on it.
            let line = &text[end..];
            let line = &line[..line.find('\n').map_or(line.len(), |at| at + 1)];
            if line.trim().is_empty() { end + line.len() } else { end }
        };
        match word {
            "machine" => {
                let name = words.get(at + 1)?;
                entries.push(Entry { machine: Some(name.1), start, end: end_of(name.0, name.1) });
                at += 2;
            }
            "default" => {
                entries.push(Entry { machine: None, start, end: end_of(start, word) });
                at += 1;
            }
            "login" | "user" | "password" | "account" => {
                let value = words.get(at + 1)?;
                if let Some(last) = entries.last_mut() {
                    last.end = end_of(value.0, value.1);
                }
                at += 2;
            }
            // A macro goes to the next blank line.
            "macdef" => {
                let stop = text[start..].find("\n\n").map_or(text.len(), |at| start + at);
                while words.get(at).is_some_and(|(start, _)| *start < stop) {
                    at += 1;
                }
                at = at.max(1);
            }
            _ => at += 1,
        }
    }
    Some(entries)
}

/// Every word with its place; comments are left out.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let mut at = 0;
        for piece in line.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            // A password may begin with `#`, so only a line that begins with it is a comment.
            if word.starts_with('#') && line[..at].trim().is_empty() {
                break;
            }
            if !word.is_empty() {
                words.push((line_start + at, word));
            }
            at += piece.len();
        }
        line_start += line.len();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str, change: &Change) -> String {
        super::change(text, change).unwrap()
    }

    fn login(machine: &str) -> Change {
        Change::set([machine], Value::table([("login", "weir".into()), ("password", "t".into())]))
    }

    #[test]
    fn a_machine_is_added_before_the_default() {
        let text = "# mine\nmachine a login x password y\ndefault login z password q\n";
        assert_eq!(
            change(text, &login("w")),
            "# mine\nmachine a login x password y\nmachine w\nlogin weir\npassword t\ndefault login z password q\n"
        );
        assert_eq!(change("", &login("w")), "machine w\nlogin weir\npassword t\n");
    }

    #[test]
    fn a_machine_is_replaced_and_nothing_else() {
        let text = "machine w\n  login old\n  password #secret\n\n# next\nmachine b login x password y\n";
        let edited = change(text, &login("w"));
        assert_eq!(edited, "machine w\nlogin weir\npassword t\n\n# next\nmachine b login x password y\n");
        assert_eq!(change(&edited, &login("w")), edited);
        assert_eq!(change(&edited, &Change::remove(["w"])), "\n# next\nmachine b login x password y\n");
        let one = "machine w login weir password t";
        assert_eq!(change(one, &login("w")), one);
    }

    #[test]
    fn a_macro_that_names_a_machine_is_no_machine() {
        let text = "macdef init\nmachine w\n\nmachine a login x password y\n";
        assert_eq!(change(text, &Change::remove(["w"])), text);
    }
}
