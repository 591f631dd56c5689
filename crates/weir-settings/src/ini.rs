//! INI as Python's configparser reads it: sections, `key = value` or `key: value`, indented lines continue a value.

use weir_core::client::{Change, Value};

use crate::edit::push_line;

/// A line's part in the file.
enum Part<'a> {
    Section(&'a str),
    /// The key, and where the value begins in the line.
    Key(&'a str, usize),
    /// Belongs to the value above.
    More,
    Other,
}

pub(crate) fn change(text: &str, change: &Change) -> String {
    match change {
        Change::Set(path, Value::Text(value)) => match path.as_slice() {
            [section, key] => set(text, section, key, value),
            _ => text.to_owned(),
        },
        Change::Remove(path) => match path.as_slice() {
            [section, key] => remove(text, section, key, |_| true),
            _ => text.to_owned(),
        },
        Change::RemoveWith(path, needle) => match path.as_slice() {
            [section, key] => remove(text, section, key, |value| value.contains(needle)),
            _ => text.to_owned(),
        },
        Change::Set(..) => text.to_owned(),
    }
}

fn part(line: &str) -> Part<'_> {
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
        return Part::Other;
    }
    if line.starts_with([' ', '\t']) {
        return Part::More;
    }
    if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
        return Part::Section(name);
    }
    match line.find(['=', ':']) {
        Some(at) => {
            let after = &line[at + 1..];
            Part::Key(line[..at].trim(), at + 1 + (after.len() - after.trim_start().len()))
        }
        None => Part::Other,
    }
}

/// Keys that mean the same: `extra_index_url`, `--extra-index-url`.
fn normal(key: &str) -> String {
    key.to_ascii_lowercase().replace('_', "-").trim_start_matches('-').to_owned()
}

fn set(text: &str, section: &str, key: &str, value: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut current, mut done, mut skipping) = (String::new(), false, false);
    // Where a new key goes: behind the last line of its section that says something.
    let mut last = None;
    let mut out: Vec<String> = Vec::with_capacity(lines.len() + 2);
    for line in lines {
        match part(line) {
            Part::Section(name) => {
                (current, skipping) = (name.to_owned(), false);
                out.push(line.to_owned());
            }
            Part::Key(name, at) if current == section && normal(name) == normal(key) => {
                skipping = true;
                if done {
                    continue;
                }
                done = true;
                if line[at..].trim() == value {
                    skipping = false;
                    out.push(line.to_owned());
                } else {
                    let before = if line[..at].ends_with('\n') { line[..at].trim_end() } else { &line[..at] };
                    let space = if before.ends_with(['=', ':']) && before.contains(" =") { " " } else { "" };
                    out.push(format!("{before}{space}{value}\n"));
                }
            }
            Part::More if skipping => continue,
            Part::Key(..) | Part::More => {
                skipping = false;
                out.push(line.to_owned());
            }
            Part::Other => {
                out.push(line.to_owned());
                continue;
            }
        }
        if current == section {
            last = Some(out.len());
        }
    }
    if !done {
        let line = format!("{key} = {value}\n");
        match last {
            Some(at) => {
                if let Some(before) =
                    at.checked_sub(1).and_then(|before| out.get_mut(before)).filter(|line| !line.ends_with('\n'))
                {
                    before.push('\n');
                }
                out.insert(at, line);
            }
            None => {
                let mut text = out.concat();
                if !text.trim().is_empty() {
                    push_line(&mut text, "");
                }
                push_line(&mut text, &format!("[{section}]"));
                text.push_str(&line);
                return text;
            }
        }
    }
    out.concat()
}

fn remove(text: &str, section: &str, key: &str, goes: impl Fn(&str) -> bool) -> String {
    let meant = |current: &str| match section.strip_prefix('!') {
        Some(other) => current != other,
        None => section == "*" || current == section,
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut current, mut out, mut at) = ("", String::with_capacity(text.len()), 0);
    while let Some(line) = lines.get(at) {
        at += 1;
        match part(line) {
            Part::Section(name) => current = name,
            Part::Key(name, start) if meant(current) && normal(name) == normal(key) => {
                let more = lines.get(at..).unwrap_or_default();
                let more = more.iter().take_while(|line| matches!(part(line), Part::More)).count();
                let value = lines.get(at..at + more).unwrap_or_default().concat();
                if goes(&format!("{}{value}", &line[start..])) {
                    at += more;
                    continue;
                }
            }
            _ => {}
        }
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIP: &str = "# mine\n[global]\ntimeout = 60\nextra-index-url =\n    https://a.example/simple\n    https://b.example/simple\n\n[install]\nextra_index_url=https://c.example\nindex-url: https://d.example\n";

    #[test]
    fn a_key_is_set_in_its_section_and_others_go_from_all() {
        let text = change(PIP, &Change::set(["global", "index-url"], Value::text("http://w/")));
        let text = change(&text, &Change::remove(["*", "extra-index-url"]));
        let text = change(&text, &Change::remove(["!global", "index-url"]));
        assert_eq!(text, "# mine\n[global]\ntimeout = 60\nindex-url = http://w/\n\n[install]\n");
    }

    #[test]
    fn a_value_is_replaced_in_its_line_with_what_continues_it() {
        let text = change(
            "[global]\nindex-url =\n  https://x\n  https://y\na=1\n",
            &Change::set(["global", "index-url"], Value::text("http://w/")),
        );
        assert_eq!(text, "[global]\nindex-url = http://w/\na=1\n");
        let text =
            change("[global]\nindex-url=https://x", &Change::set(["global", "index-url"], Value::text("http://w/")));
        assert_eq!(text, "[global]\nindex-url=http://w/\n");
    }

    #[test]
    fn an_empty_file_gets_its_section() {
        let text = change("", &Change::set(["global", "index-url"], Value::text("x")));
        assert_eq!(text, "[global]\nindex-url = x\n");
        assert_eq!(change(&text, &Change::set(["global", "index-url"], Value::text("x"))), text);
        assert_eq!(change("[a]", &Change::set(["a", "b"], Value::text("x"))), "[a]\nb = x\n");
    }
}
