//! The little of XML that Maven's documents have.
//!
//! Elements, text, comments, CDATA and the five predefined entities. A document type definition is refused, and with it
//! every entity of a document's own: a reference to one stays as it is written. Namespaces and attributes are passed over.

use std::borrow::Cow;
use std::ops::Range;

/// Largest document that is read, in bytes.
pub const MAX_XML: usize = 16 * 1024 * 1024;
/// Most elements of one document.
pub const MAX_ELEMENTS: usize = 200_000;
/// Most elements within one another.
pub const MAX_DEPTH: usize = 64;

/// An element: its children are those elements of [`Xml`] that name it as their parent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Element<'a> {
    /// Its name without a prefix.
    pub name: &'a str,
    /// The number of its parent; its own for the root.
    pub parent: usize,
    /// Where it stands in the text, tags and all.
    pub outer: Range<usize>,
    /// Where what is between its tags stands.
    pub inner: Range<usize>,
}

/// A document.
#[derive(Clone, Debug)]
pub struct Xml<'a> {
    text: &'a str,
    /// All elements, in the order in which they begin; the root is the first.
    pub elements: Vec<Element<'a>>,
}

impl<'a> Xml<'a> {
    /// Reads a document, or says what is wrong and at which byte.
    pub fn read(text: &'a str) -> Result<Self, String> {
        if text.len() > MAX_XML {
            return Err(format!("it is longer than {MAX_XML} bytes"));
        }
        let mut elements: Vec<Element<'a>> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
            let between = text.get(at..at + found).unwrap_or_default();
            if open.is_empty() && !between.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() {
                return Err(format!("there is text outside of its root at byte {at}"));
            }
            at += found;
            let rest = text.get(at..).unwrap_or_default();
            let to = |end: &str, from: usize| -> Result<usize, String> {
                let length = rest.get(from..).and_then(|rest| rest.find(end));
                length
                    .map(|length| at + from + length + end.len())
                    .ok_or_else(|| format!("what begins at byte {at} does not end"))
            };
            if rest.starts_with("<!--") {
                at = to("-->", 4)?;
            } else if rest.starts_with("<![CDATA[") {
                at = to("]]>", 9)?;
            } else if rest.starts_with("<?") {
                at = to("?>", 2)?;
            } else if rest.starts_with("<!") {
                return Err(format!("it has a document type definition at byte {at}, which is not read"));
            } else if let Some(closing) = rest.strip_prefix("</") {
                let end = to(">", 2)?;
                let name = closing.get(..end - at - 3).unwrap_or_default().trim_end();
                let number = open.pop().ok_or_else(|| format!("`</{}>` at byte {at} closes nothing", clip(name)))?;
                let element = elements.get_mut(number).ok_or("an element is lost")?;
                if element.name != local(name) {
                    return Err(format!("`</{}>` at byte {at} closes `<{}>`", clip(name), clip(element.name)));
                }
                element.inner.end = at;
                element.outer.end = end;
                at = end;
            } else {
                let (name, end, is_empty) =
                    opening(rest).ok_or_else(|| format!("there is a broken tag at byte {at}"))?;
                if elements.len() == MAX_ELEMENTS {
                    return Err(format!("it has more than {MAX_ELEMENTS} elements"));
                }
                if open.len() == MAX_DEPTH {
                    return Err(format!("it has more than {MAX_DEPTH} elements within one another"));
                }
                if open.is_empty() && !elements.is_empty() {
                    return Err(format!("it has a second root at byte {at}"));
                }
                let number = elements.len();
                let parent = open.last().copied().unwrap_or(number);
                let end = at + end;
                elements.push(Element { name: local(name), parent, outer: at..end, inner: end..end });
                if !is_empty {
                    open.push(number);
                }
                at = end;
            }
        }
        if let Some(element) = open.last().and_then(|number| elements.get(*number)) {
            return Err(format!("`<{}>` is not closed", clip(element.name)));
        }
        if elements.is_empty() {
            return Err(String::from("it has no element"));
        }
        if !text.get(at..).unwrap_or_default().trim().is_empty() {
            return Err(format!("there is text outside of its root at byte {at}"));
        }
        Ok(Self { text, elements })
    }

    /// The name of the root.
    pub fn root(&self) -> &'a str {
        self.elements.first().map_or("", |root| root.name)
    }

    /// The numbers of an element's children, with their elements.
    pub fn children(&self, parent: usize) -> impl Iterator<Item = (usize, &Element<'a>)> {
        let end = self.elements.get(parent).map_or(0, |element| element.outer.end);
        let after = self.elements.iter().enumerate().skip(parent + 1);
        after
            .take_while(move |(_, element)| element.outer.start < end)
            .filter(move |(_, element)| element.parent == parent)
    }

    /// The number of the first child of this name.
    pub fn child(&self, parent: usize, name: &str) -> Option<usize> {
        self.children(parent).find(|(_, element)| element.name == name).map(|(number, _)| number)
    }

    /// The number of the element at the end of a path of names from the root.
    pub fn find(&self, path: &[&str]) -> Option<usize> {
        path.iter().try_fold(0, |parent, name| self.child(parent, name))
    }

    /// The text between an element's tags, trimmed; what stands in elements within it does not count.
    pub fn text_of(&self, number: usize) -> Cow<'a, str> {
        let Some(element) = self.elements.get(number) else { return Cow::Borrowed("") };
        let inner = self.text.get(element.inner.clone()).unwrap_or_default();
        if !inner.contains(['<', '&']) {
            return Cow::Borrowed(inner.trim());
        }
        Cow::Owned(plain(inner).trim().to_owned())
    }

    /// The text of a child, if there is such a child.
    pub fn text_at(&self, parent: usize, name: &str) -> Option<Cow<'a, str>> {
        self.child(parent, name).map(|number| self.text_of(number))
    }
}

/// The name of an opening tag, where it ends, and whether it closes itself. `rest` begins with `<`.
fn opening(rest: &str) -> Option<(&str, usize, bool)> {
    let bytes = rest.as_bytes();
    let mut quote = None;
    let mut end = None;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            (None, b'>') => {
                end = Some(at);
                break;
            }
            (None, b'<') => return None,
            _ => {}
        }
    }
    let end = end?;
    let inside = rest.get(1..end)?;
    let (inside, is_empty) = match inside.strip_suffix('/') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let name = inside.split([' ', '\t', '\r', '\n']).next().filter(|name| !name.is_empty())?;
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    name.chars().all(fine).then_some((name, end + 1, is_empty))
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Text without what is markup in it, with entities replaced.
fn plain(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    let mut depth = 0usize;
    while let Some(at) = rest.find(['<', '&']) {
        if depth == 0 {
            out.push_str(rest.get(..at).unwrap_or_default());
        }
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with("<!--") {
            rest = after(rest, "-->");
        } else if rest.starts_with("<![CDATA[") {
            let within = rest.split("]]>").next().unwrap_or_default();
            if depth == 0 {
                out.push_str(within.get(9..).unwrap_or_default());
            }
            rest = after(rest, "]]>");
        } else if rest.starts_with("<?") {
            rest = after(rest, "?>");
        } else if rest.starts_with("</") {
            rest = after(rest, ">");
            depth = depth.saturating_sub(1);
        } else if rest.starts_with("<") {
            match opening(rest) {
                Some((_, end, is_empty)) => {
                    depth += usize::from(!is_empty);
                    rest = rest.get(end..).unwrap_or_default();
                }
                None => rest = "",
            }
        } else {
            let (text, length) = entity(rest);
            if depth == 0 {
                out.push_str(&text);
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
    if depth == 0 {
        out.push_str(rest);
    }
    out
}

/// What follows the next `end`.
fn after<'t>(text: &'t str, end: &str) -> &'t str {
    text.split_once(end).map_or("", |(_, after)| after)
}

/// What `&…;` stands for, and its length. One that is not predefined stands for itself. `rest` begins with `&`.
fn entity(rest: &str) -> (Cow<'_, str>, usize) {
    let Some(end) = rest.bytes().take(12).position(|byte| byte == b';') else { return (Cow::Borrowed("&"), 1) };
    let name = rest.get(1..end).unwrap_or_default();
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let c = match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#') {
            Some(digits) => match digits.strip_prefix(['x', 'X']) {
                Some(digits) => number(digits, 16),
                None => number(digits, 10),
            },
            None => None,
        },
    };
    match c {
        Some(c) => (Cow::Owned(c.to_string()), end + 1),
        None => (Cow::Borrowed("&"), 1),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_path() {
        let text = "<?xml version=\"1.0\"?>\n<!-- <a> -->\n<m:metadata xmlns:m='x>'><a/><b k=\"</b>\">\n 1 &lt;&#50;&x; <c>no</c><![CDATA[<3>]]> <!--4--></b></m:metadata>\n";
        let xml = Xml::read(text).unwrap();
        assert_eq!(xml.root(), "metadata");
        let b = xml.find(&["b"]).unwrap();
        assert_eq!(xml.text_of(b), "1 <2&x; <3>");
        assert_eq!(xml.text_at(b, "c").as_deref(), Some("no"));
        assert_eq!(xml.find(&["b", "d"]), None);
        assert_eq!(xml.children(0).map(|(_, child)| child.name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(&text[xml.elements[b].outer.clone()][..3], "<b ");
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "",
            "text",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "<a",
            "<a b=\">",
            "<a><!--",
            "<a><![CDATA[</a>",
            "<a><</a>",
            "< a></a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a><?x</a>",
        ] {
            assert!(Xml::read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn size_depth_and_number_are_bounded() {
        let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(Xml::read(&deep(MAX_DEPTH)).is_ok());
        assert!(Xml::read(&deep(MAX_DEPTH + 1)).is_err());
        let many = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count - 1));
        assert!(Xml::read(&many(MAX_ELEMENTS)).is_ok());
        assert!(Xml::read(&many(MAX_ELEMENTS + 1)).is_err());
        let long = |length: usize| format!("<a>{}</a>", " ".repeat(length - 7));
        assert!(Xml::read(&long(MAX_XML)).is_ok());
        assert!(Xml::read(&long(MAX_XML + 1)).is_err());
    }
}
