//! Lines of a key and a value: `.npmrc`, properties, `go env` with `=`; yarn classic's `.yarnrc` with a space.

use weir_core::client::{Change, Value};

use crate::edit::push_line;

pub(crate) fn change(text: &str, change: &Change, separator: char) -> String {
    match change {
        Change::Set(path, value) => match (path.as_slice(), written(value, separator)) {
            ([key], Some(value)) => set(text, key, &value, separator),
            _ => text.to_owned(),
        },
        Change::Remove(path) => match path.as_slice() {
            [key] => kept(text, |name, _| !matches(key, name), separator),
            _ => text.to_owned(),
        },
        Change::RemoveWith(path, needle) => match path.as_slice() {
            [key] => kept(text, |name, value| !(matches(key, name) && value.contains(needle)), separator),
            _ => text.to_owned(),
        },
    }
}

fn written(value: &Value, separator: char) -> Option<String> {
    match value {
        Value::Text(text) if separator == ' ' => Some(format!("\"{text}\"")),
        Value::Text(text) => Some(text.clone()),
        Value::Flag(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The key of a line and where its value begins.
fn pair(line: &str, separator: char) -> Option<(&str, usize)> {
    let trimmed = line.trim_start();
    if trimmed.is_empty() || trimmed.starts_with(['#', ';', '!']) {
        return None;
    }
    let start = line.len() - trimmed.len();
    let at = start + trimmed.find(separator)?;
    let after = &line[at + 1..];
    let value = at + 1 + (after.len() - after.trim_start_matches([' ', '\t']).len());
    Some((line[start..at].trim(), value))
}

/// `*` in the pattern is any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        None => pattern == name,
    }
}

fn kept(text: &str, keep: impl Fn(&str, &str) -> bool, separator: char) -> String {
    text.split_inclusive('\n')
        .filter(|line| pair(line, separator).is_none_or(|(name, at)| keep(name, &line[at..])))
        .collect()
}

fn set(text: &str, key: &str, value: &str, separator: char) -> String {
    let mut out = String::with_capacity(text.len() + key.len() + value.len() + 2);
    let (mut done, mut before_section) = (false, None);
    for line in text.split_inclusive('\n') {
        if before_section.is_none() && line.starts_with('[') {
            before_section = Some(out.len());
        }
        match pair(line, separator) {
            Some((name, at)) if name == key => {
                // A key that is said twice counts once; the first line is as good as the last.
                if done {
                    continue;
                }
                done = true;
                if line[at..].trim() == value {
                    out.push_str(line);
                } else {
                    out.push_str(line[..at].trim_end_matches('\n'));
                    out.push_str(value);
                    out.push('\n');
                }
            }
            _ => out.push_str(line),
        }
    }
    if !done {
        let line = format!("{key}{separator}{value}");
        match before_section {
            Some(at) => out.insert_str(at, &format!("{line}\n")),
            None => push_line(&mut out, &line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_replaced_where_it_stands_and_said_once() {
        let text = "; mine\nfund=false\n registry = https://a.example/\n//a.example/:_authToken=x\nregistry=https://b.example/\n";
        let text = change(text, &Change::set(["registry"], Value::text("http://w/")), '=');
        assert_eq!(text, "; mine\nfund=false\n registry = http://w/\n//a.example/:_authToken=x\n");
    }

    #[test]
    fn a_pattern_removes_all_that_match() {
        let text = "@a:registry=x\n@b:registry=y\n//h/:_authToken=t\n#@c:registry=z\n";
        assert_eq!(change(text, &Change::remove(["@*:registry"]), '='), "//h/:_authToken=t\n#@c:registry=z\n");
        let with = Change::RemoveWith(vec!["@*:registry".into()], "y");
        assert_eq!(change(text, &with, '='), "@a:registry=x\n//h/:_authToken=t\n#@c:registry=z\n");
    }

    #[test]
    fn words_are_quoted_and_sections_stay_last() {
        assert_eq!(change("", &Change::set(["registry"], Value::text("http://w/")), ' '), "registry \"http://w/\"\n");
        assert_eq!(change("a=1\n[s]\nb=2\n", &Change::set(["c"], Value::Flag(true)), '='), "a=1\nc=true\n[s]\nb=2\n");
    }
}
