//! XML, as far as settings need it: elements with their places, so that one can be replaced and the rest stays.

use weir_core::client::{Change, Value};

use crate::edit::Unreadable;

/// Deepest nesting of elements.
const MAX_DEPTH: usize = 64;

/// An element and where it stands.
struct Element {
    name: String,
    /// Of its `<`.
    start: usize,
    /// Behind the `>` of its first tag.
    inner: usize,
    /// Of the `<` of its last tag; `inner` if it has none.
    inner_end: usize,
    /// Behind it.
    end: usize,
    children: Vec<Element>,
}

pub(crate) fn change(text: &str, change: &Change) -> Result<String, Unreadable> {
    let (path, fields) = match change {
        Change::Set(path, Value::Table(fields)) => (path, Some(fields)),
        Change::Set(..) => return Ok(text.to_owned()),
        Change::Remove(path) | Change::RemoveWith(path, _) => (path, None),
    };
    let (Some((last, above)), Some(root)) = (path.split_last(), path.first()) else { return Ok(text.to_owned()) };
    let mut text = text.to_owned();
    if text.trim().is_empty() {
        if fields.is_none() {
            return Ok(text);
        }
        text = format!("<{root}>\n</{root}>\n");
    }
    // Parents that are missing are put in one by one.
    for depth in 1..above.len() {
        let top = parse(&text)?;
        if find(&top, &above[..=depth]).is_some() {
            continue;
        }
        if fields.is_none() {
            return Ok(text);
        }
        let parent = find(&top, &above[..depth])
            .ok_or_else(|| Unreadable::malformed("XML", format!("its root is not `{root}`")))?;
        let name = above.get(depth).map_or("", String::as_str);
        let indent = "  ".repeat(depth);
        text = insert(&text, parent, &format!("{indent}<{name}>\n{indent}</{name}>\n"), depth);
    }
    let top = parse(&text)?;
    let Some(parent) = find(&top, above) else {
        return Err(Unreadable::malformed("XML", format!("its root is not `{root}`")));
    };
    let (name, id) = last
        .strip_suffix(']')
        .and_then(|last| last.split_once('['))
        .map_or((last.as_str(), None), |(name, id)| (name, Some(id)));
    let text_of = |element: &Element, name: &str| {
        let child = element.children.iter().find(|child| child.name == name)?;
        Some(text.get(child.inner..child.inner_end)?.trim().to_owned())
    };
    let meant: Vec<&Element> = parent
        .children
        .iter()
        .filter(|child| child.name == name && id.is_none_or(|id| text_of(child, "id").as_deref() == Some(id)))
        .collect();
    let Some(fields) = fields else {
        return Ok(without(&text, &meant));
    };
    let indent = "  ".repeat(above.len());
    let written: String = fields
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Text(value) => Some(format!("{indent}  <{name}>{}</{name}>\n", escaped(value))),
            _ => None,
        })
        .collect();
    let new = format!("<{name}>\n{written}{indent}</{name}>");
    match meant.split_first() {
        Some((first, others)) => {
            let same = first.children.len() == fields.len()
                && fields.iter().all(
                    |(name, value)| matches!(value, Value::Text(value) if text_of(first, name) == Some(escaped(value))),
                );
            let end = first.end;
            let text_after = without(&text, others);
            Ok(if same { text_after } else { format!("{}{new}{}", &text_after[..first.start], &text_after[end..]) })
        }
        None => Ok(insert(&text, parent, &format!("{indent}{new}\n"), above.len())),
    }
}

/// The text of every element with this path of names, wherever the root begins.
pub fn texts(text: &str, path: &[&str]) -> Option<Vec<String>> {
    let top = parse(text).ok()?;
    let mut level: Vec<&Element> = vec![&top];
    for name in path {
        level =
            level.into_iter().flat_map(|element| element.children.iter().filter(|child| child.name == *name)).collect();
    }
    Some(
        level
            .into_iter()
            .filter_map(|element| text.get(element.inner..element.inner_end))
            .map(|text| text.trim().to_owned())
            .collect(),
    )
}

/// Puts lines at the end of an element, before its last tag.
fn insert(text: &str, parent: &Element, lines: &str, depth: usize) -> String {
    let outer = "  ".repeat(depth - 1);
    if parent.inner == parent.end {
        // `<mirrors/>`
        let start = text[..parent.start].rfind('\n').map_or("", |at| &text[at + 1..parent.start]);
        let outer = if start.trim().is_empty() { start } else { &outer };
        return format!(
            "{}<{name}>\n{lines}{outer}</{name}>{}",
            &text[..parent.start],
            &text[parent.end..],
            name = parent.name
        );
    }
    let before = &text[..parent.inner_end];
    let trimmed = before.trim_end_matches([' ', '\t']);
    if trimmed.ends_with('\n') {
        format!("{trimmed}{lines}{}{}", &before[trimmed.len()..], &text[parent.inner_end..])
    } else {
        format!("{before}\n{lines}{outer}{}", &text[parent.inner_end..])
    }
}

/// The text without these elements; a line on which nothing else is goes with them.
fn without(text: &str, elements: &[&Element]) -> String {
    let mut out = text.to_owned();
    for element in elements.iter().rev() {
        let before = out[..element.start].trim_end_matches([' ', '\t']);
        let rest = &out[element.end..];
        let line = &rest[..rest.find('\n').map_or(rest.len(), |at| at + 1)];
        let alone = (before.is_empty() || before.ends_with('\n')) && line.trim().is_empty();
        let (from, to) = if alone { (before.len(), element.end + line.len()) } else { (element.start, element.end) };
        out.replace_range(from..to, "");
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The element at a path of names, of which the first is the root's.
fn find<'a>(top: &'a Element, path: &[String]) -> Option<&'a Element> {
    path.iter().try_fold(top, |element, name| element.children.iter().find(|child| child.name == *name))
}

/// Reads a document into an element without a name that has the root in it.
fn parse(text: &str) -> Result<Element, Unreadable> {
    let malformed = |at: usize, problem: &str| {
        let line = text[..at].matches('\n').count() + 1;
        Unreadable::malformed("XML", format!("line {line}: {problem}"))
    };
    let new = |name: &str, start, inner, end| Element {
        name: name.to_owned(),
        start,
        inner,
        inner_end: inner,
        end,
        children: Vec::new(),
    };
    let mut stack = vec![new("", 0, 0, text.len())];
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let rest = &text[start..];
        // What is no element is passed over whole.
        let other = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
        if let Some((open, close)) = other.into_iter().find(|(open, _)| rest.starts_with(open)) {
            let end =
                rest[open.len()..].find(close).ok_or_else(|| malformed(start, &format!("`{open}` does not end")))?;
            at = start + open.len() + end + close.len();
            continue;
        }
        let end = start + tag_end(rest).ok_or_else(|| malformed(start, "a tag does not end"))?;
        let tag = &text[start + 1..end - 1];
        at = end;
        if let Some(name) = tag.strip_prefix('/') {
            let element = stack.pop().filter(|element| element.name == name.trim() && !stack.is_empty());
            let mut element = element.ok_or_else(|| malformed(start, &format!("`</{name}>` ends nothing")))?;
            (element.inner_end, element.end) = (start, end);
            if let Some(parent) = stack.last_mut() {
                parent.children.push(element);
            }
            continue;
        }
        let name = tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default();
        if name.is_empty() {
            return Err(malformed(start, "a tag has no name"));
        }
        let element = new(name, start, end, end);
        if tag.ends_with('/') {
            if let Some(parent) = stack.last_mut() {
                parent.children.push(element);
            }
        } else if stack.len() > MAX_DEPTH {
            return Err(malformed(start, "it is nested too deeply"));
        } else {
            stack.push(element);
        }
    }
    match (stack.pop(), stack.is_empty()) {
        (Some(top), true) => Ok(top),
        (open, _) => {
            Err(malformed(text.len(), &format!("`<{}>` does not end", open.map(|open| open.name).unwrap_or_default())))
        }
    }
}

/// Where a tag ends: behind the first `>` that is in no quotes.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror() -> Change {
        let fields = [("id", "weir".to_owned()), ("mirrorOf", "*".to_owned()), ("url", "http://w/a&b".to_owned())];
        Change::set(["settings", "mirrors", "mirror"], Value::table(fields))
    }

    const OURS: &str = "    <mirror>\n      <id>weir</id>\n      <mirrorOf>*</mirrorOf>\n      <url>http://w/a&amp;b</url>\n    </mirror>\n";

    #[test]
    fn an_empty_file_becomes_a_whole_one() {
        let text = change("", &mirror()).unwrap();
        assert_eq!(text, format!("<settings>\n  <mirrors>\n{OURS}  </mirrors>\n</settings>\n"));
        assert_eq!(change(&text, &mirror()).unwrap(), text);
    }

    #[test]
    fn others_of_the_name_go_and_the_rest_stays() {
        let text = "<?xml version=\"1.0\"?>\n<!-- <mirrors> -->\n<settings xmlns=\"http://a\" x=\">\">\n    <offline>false</offline>\n    <mirrors>\n        <mirror><id>a</id></mirror>\n        <!-- b -->\n        <mirror>\n            <id>c</id>\n        </mirror>\n    </mirrors>\n    <servers/>\n</settings>\n";
        let edited = change(text, &mirror()).unwrap();
        assert!(!edited.contains("<id>a</id>") && !edited.contains("<id>c</id>"), "{edited}");
        assert!(edited.starts_with(&text[..text.find("<mirror><id>a").unwrap()]));
        assert!(edited.ends_with("        <!-- b -->\n    </mirrors>\n    <servers/>\n</settings>\n"), "{edited}");
        assert_eq!(change(&edited, &mirror()).unwrap(), edited);
    }

    #[test]
    fn one_of_several_is_meant_by_its_id() {
        let server = Change::set(
            ["settings", "servers", "server[weir]"],
            Value::table([("id", "weir".to_owned()), ("password", "t".to_owned())]),
        );
        let text = "<settings>\n  <servers>\n    <server><id>other</id><password>p</password></server>\n  </servers>\n</settings>\n";
        let edited = change(text, &server).unwrap();
        assert!(
            edited.contains("<id>other</id><password>p</password></server>\n    <server>\n      <id>weir</id>"),
            "{edited}"
        );
        assert_eq!(change(&edited, &server).unwrap(), edited);
        assert_eq!(change(&edited, &Change::remove(["settings", "servers", "server[weir]"])).unwrap(), text);
        let closed = change("<settings>\n  <servers/>\n</settings>", &server).unwrap();
        assert!(
            closed.contains("  <servers>\n    <server>\n")
                && closed.ends_with("    </server>\n  </servers>\n</settings>"),
            "{closed}"
        );
    }

    #[test]
    fn broken_documents_are_refused() {
        for text in ["<settings>", "</settings>", "<a></b>", "<settings", "<!-- x", "<project></project>", "< >"] {
            assert!(change(text, &mirror()).is_err(), "{text}");
        }
        let nested = |depth: usize| format!("{}{}", "<settings>".repeat(depth), "</settings>".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_ok() && parse(&nested(MAX_DEPTH + 1)).is_err());
    }
}
