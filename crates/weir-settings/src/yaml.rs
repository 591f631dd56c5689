//! YAML, as far as settings need it: keys at the top, each with the lines that belong to it.

use weir_core::client::{Change, Value};

use crate::edit::{Unreadable, push_line};

pub(crate) fn change(text: &str, change: &Change) -> Result<String, Unreadable> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    check(&lines)?;
    let (path, value) = match change {
        Change::Set(path, value) => (path, written(value)),
        Change::Remove(path) | Change::RemoveWith(path, _) => (path, None),
    };
    let Some(key) = path.first() else { return Ok(text.to_owned()) };
    let found = lines.iter().position(|line| key_of(line) == Some(key.as_str()));
    let Some(start) = found else {
        let mut out = text.to_owned();
        if let Some(value) = value {
            push_line(&mut out, &format!("{key}:{value}"));
        }
        return Ok(out);
    };
    let end = start + 1 + length(lines.get(start + 1..).unwrap_or_default());
    let old = lines.get(start..end).unwrap_or_default().concat();
    let (before, after) =
        (lines.get(..start).unwrap_or_default().concat(), lines.get(end..).unwrap_or_default().concat());
    Ok(match (change, value) {
        (Change::RemoveWith(_, needle), _) if !old.contains(needle) => text.to_owned(),
        (_, Some(value)) => {
            let new = format!("{key}:{value}\n");
            if told(&old) == told(&new) { text.to_owned() } else { format!("{before}{new}{after}") }
        }
        (_, None) => format!("{before}{after}"),
    })
}

/// Refuses what has more in it than keys at the top: then lines cannot be told apart without a whole parser.
fn check(lines: &[&str]) -> Result<(), Unreadable> {
    let malformed = |at: usize, problem: &str| Unreadable::malformed("YAML", format!("line {}: {problem}", at + 1));
    let mut said = false;
    for (at, line) in lines.iter().enumerate() {
        let trimmed = line.trim_end();
        if trimmed.is_empty() || trimmed.trim_start().starts_with('#') || line.starts_with([' ', '-', ']', '}']) {
            if trimmed == "---" && said {
                return Err(malformed(at, "a second document begins"));
            }
            continue;
        }
        if line.starts_with('\t') || key_of(line).is_none() {
            return Err(malformed(at, "expected `key: value`"));
        }
        said = true;
    }
    Ok(())
}

/// The key that a line at the top begins with.
fn key_of(line: &str) -> Option<&str> {
    if line.starts_with([' ', '\t', '#', '-', '{', '[', ']', '}']) {
        return None;
    }
    let (key, rest) = line.split_once(':')?;
    let sound = rest.is_empty() || rest.starts_with([' ', '\t', '\n']);
    sound.then(|| key.trim().trim_matches(['"', '\'']))
}

/// How many of these lines belong to the key above them. Blank lines and comments at the end do not.
fn length(lines: &[&str]) -> usize {
    let inner =
        |line: &str| line.starts_with([' ', '\t', ']', '}']) || line.starts_with("- ") || line.trim_end() == "-";
    let quiet = |line: &str| line.trim().is_empty() || line.starts_with('#');
    let block = lines.iter().take_while(|line| inner(line) || quiet(line)).count();
    let block = lines.get(..block).unwrap_or_default();
    let after = block.iter().rev().take_while(|line| quiet(line) || line.trim().is_empty()).count();
    block.len() - after
}

/// What lines say without comments, quotes and spaces: equal for two ways to write the same.
fn told(text: &str) -> String {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or(line).trim());
    lines.filter(|line| !line.starts_with('#')).collect::<String>().replace(['"', '\'', ' '], "")
}

fn written(value: &Value) -> Option<String> {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    Some(match value {
        Value::Text(text) => format!(" {}", quoted(text)),
        Value::Flag(flag) => format!(" {flag}"),
        Value::List(texts) if texts.is_empty() => String::from(" []"),
        Value::List(texts) => texts.iter().map(|text| format!("\n  - {}", quoted(text))).collect(),
        Value::Table(_) | Value::Tables(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONDA: &str = "# mine\nchannels:\n- defaults\n- https://a.example/x\n\n# auto\nauto_activate_base: false\n";

    #[test]
    fn a_list_is_replaced_and_comments_stay() {
        let set = Change::set(["channels"], Value::List(vec!["conda-forge".into()]));
        let edited = change(CONDA, &set).unwrap();
        assert_eq!(edited, "# mine\nchannels:\n  - \"conda-forge\"\n\n# auto\nauto_activate_base: false\n");
        assert_eq!(change(&edited, &set).unwrap(), edited);
        let same = "channels:\n- conda-forge   # ours\n";
        assert_eq!(change(same, &set).unwrap(), same);
    }

    #[test]
    fn keys_are_added_and_removed() {
        let edited = change(CONDA, &Change::set(["channel_alias"], Value::text("http://w/"))).unwrap();
        assert!(edited.ends_with("auto_activate_base: false\nchannel_alias: \"http://w/\"\n"));
        assert_eq!(change(&edited, &Change::remove(["channel_alias"])).unwrap(), CONDA);
        let scopes = "npmScopes:\n  acme:\n    npmRegistryServer: \"https://a\"\na: 1\n";
        let with = |needle| Change::RemoveWith(vec!["npmScopes".into()], needle);
        assert_eq!(change(scopes, &with("npmRegistryServer")).unwrap(), "a: 1\n");
        assert_eq!(change(scopes, &with("nothing")).unwrap(), scopes);
    }

    #[test]
    fn what_has_no_keys_at_the_top_is_refused() {
        for text in ["{channels: [a]}\n", "just a text\n", "a: 1\n---\nb: 2\n", "\tx: 1\n"] {
            assert!(change(text, &Change::remove(["a"])).is_err(), "{text:?}");
        }
    }
}
