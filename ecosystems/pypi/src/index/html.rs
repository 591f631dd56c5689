//! Reading PEP 503 pages: a small scanner that knows tags and attributes, and nothing of trees.
//!
//! It follows the tokenizer of the HTML standard where pages of package indexes could tell the difference: comments,
//! attributes with and without quotes, character references, elements whose content is text. It goes over the bytes once
//! and never fails; what it does not understand has no anchors.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use weir_core::facts::ProjectStatus;

use super::json::minor;
use super::{Extra, ListedFile, Listing, MAX_FILES, MAX_KEYS, Rest};

/// The name under which the address in `<base href>` is kept among the metadata.
pub(super) const BASE: &str = "base";

/// Longest name of an attribute that is kept, in bytes.
const MAX_ATTRIBUTE_NAME: usize = 64;

/// Elements whose content is text up to their end tag, whatever it looks like.
const TEXT_ELEMENTS: [&str; 8] = ["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"];

/// Reads a document. An anchor with an address that names no file is counted, not fatal.
pub(super) fn read(body: &[u8]) -> Result<Listing<'_>, String> {
    // Upstream's text is read as UTF-8 whatever it declares: what matters in it is ASCII.
    let text = String::from_utf8_lossy(body);
    let mut listing =
        Listing { api_version: None, status: None, files: Vec::new(), dropped: 0, rest: Rest::Html(Vec::new()) };
    let mut head = Vec::new();
    let mut scanner = Scanner { text: &text, at: 0 };
    while let Some(tag) = scanner.next_tag() {
        match tag.name.as_str() {
            "a" if tag.get("href").is_some() => match file(tag) {
                Some(_) if listing.files.len() == MAX_FILES => {
                    return Err(format!("it lists more than {MAX_FILES} files"));
                }
                Some(file) => listing.files.push(file),
                None => listing.dropped += 1,
            },
            "base" if !head.iter().any(|(name, _)| name == BASE) => {
                head.extend(tag.get("href").map(|href| (String::from(BASE), href.to_owned())));
            }
            "meta" if head.len() < MAX_KEYS => {
                if let (Some(name), Some(content)) = (tag.get("name"), tag.get("content"))
                    && name.starts_with("pypi:")
                {
                    head.push((name.to_owned(), content.to_owned()));
                }
            }
            _ => {}
        }
    }
    let meta = |wanted: &str| head.iter().find(|(name, _)| name == wanted).map(|(_, content)| content.clone());
    listing.api_version = meta("pypi:repository-version").map(|version| minor(&version)).transpose()?;
    listing.status =
        meta("pypi:project-status").map(|status| ProjectStatus { status, reason: meta("pypi:project-status-reason") });
    listing.rest = Rest::Html(head);
    Ok(listing)
}

/// Reads an anchor; `None` if its address has no file name, or if an attribute has a value that it cannot have.
fn file(tag: Tag) -> Option<ListedFile<'static>> {
    let mut listed = ListedFile::default();
    let mut core_metadata = None;
    let mut legacy_metadata = None;
    let mut unknown = Vec::new();
    for (name, value) in tag.attributes {
        match name.as_str() {
            "href" => {
                let (url, fragment) = value.split_once('#').unwrap_or((&value, ""));
                let path = url.split('?').next().unwrap_or_default();
                let segment = path.rsplit('/').next().unwrap_or_default();
                listed.file = Cow::Owned(percent_decode_str(segment).decode_utf8().ok()?.into_owned());
                listed.hashes = fragment.split('&').filter_map(hash).collect();
                listed.url = Cow::Owned(url.to_owned());
            }
            "data-requires-python" => listed.requires_python = Some(Cow::Owned(value)),
            "data-yanked" => listed.yanked = Some(Cow::Owned(value)),
            "data-core-metadata" => core_metadata = Some(metadata(&value)?),
            "data-dist-info-metadata" => legacy_metadata = Some(metadata(&value)?),
            "data-gpg-sig" => listed.gpg_sig = Some(value.eq_ignore_ascii_case("true")),
            "data-provenance" => listed.provenance = Some(Cow::Owned(value)),
            "data-upload-time" => listed.upload_time = Some(Cow::Owned(value)),
            _ if is_data_attribute(&name) => unknown.push((name, value)),
            _ => {}
        }
    }
    listed.core_metadata = core_metadata.or(legacy_metadata).flatten();
    listed.extra = Extra::Html(unknown);
    (!listed.file.is_empty()).then_some(listed)
}

/// One `algorithm=digits` of a fragment; anything else (`egg=…`) is none.
fn hash(part: &str) -> Option<(Cow<'static, str>, Cow<'static, str>)> {
    let (algorithm, hex) = part.split_once('=')?;
    let algorithm = algorithm.to_ascii_lowercase();
    matches!(algorithm.as_str(), "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512")
        .then(|| (Cow::Owned(algorithm), Cow::Owned(hex.to_owned())))
}

/// `true`, or `sha256=` and digits, or another algorithm (PEP 658); the outer `None` is for digits that are none.
fn metadata(value: &str) -> Option<Option<Option<weir_core::Digest>>> {
    match value.split_once('=') {
        Some(("sha256", hex)) => Some(Some(Some(hex.parse().ok()?))),
        Some(_) => Some(Some(None)),
        None => Some(value.eq_ignore_ascii_case("true").then_some(None)),
    }
}

/// True for the names of data attributes that can be written back as they are.
fn is_data_attribute(name: &str) -> bool {
    name.len() <= MAX_ATTRIBUTE_NAME
        && name.strip_prefix("data-").is_some_and(|rest| {
            !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

/// A start tag.
struct Tag {
    /// In lower case.
    name: String,
    /// Names in lower case, values with character references resolved; each name once, the first counts.
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Goes through a document from tag to tag.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The next start tag; comments, end tags and text elements are passed over.
    fn next_tag(&mut self) -> Option<Tag> {
        loop {
            self.at += self.rest().find('<')? + 1;
            let rest = self.rest();
            if let Some(comment) = rest.strip_prefix("!--") {
                self.skip_comment(comment);
            } else if rest.starts_with(['!', '?']) {
                self.skip_past(">");
            } else if rest.strip_prefix('/').is_some_and(starts_with_letter) {
                self.at += 1;
                self.read_tag();
            } else if starts_with_letter(rest) {
                let tag = self.read_tag()?;
                if TEXT_ELEMENTS.contains(&tag.name.as_str()) {
                    self.skip_text(&tag.name);
                }
                return Some(tag);
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Moves behind the next `mark`, or to the end.
    fn skip_past(&mut self, mark: &str) {
        self.at = self.rest().find(mark).map_or(self.text.len(), |found| self.at + found + mark.len());
    }

    /// A comment ends at `-->` or `--!>`; `<!-->` and `<!--->` are whole comments.
    fn skip_comment(&mut self, comment: &str) {
        self.at += "!--".len();
        if let Some(at) = [">", "->"].iter().find(|end| comment.starts_with(**end)) {
            self.at += at.len();
            return;
        }
        while let Some(found) = self.rest().find("--") {
            self.at += found + 2;
            if self.rest().starts_with('>') || self.rest().starts_with("!>") {
                self.skip_past(">");
                return;
            }
            // The second hyphen may begin the end mark: `--->`.
            self.at -= 1;
        }
        self.at = self.text.len();
    }

    /// Moves to the end tag of a text element, or to the end.
    fn skip_text(&mut self, name: &str) {
        while let Some(found) = self.rest().find("</") {
            self.at += found;
            let behind = self.text.get(self.at + 2..).unwrap_or_default();
            if behind.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name))
                && behind[name.len()..].chars().next().is_none_or(|c| is_space(c) || matches!(c, '/' | '>'))
            {
                return;
            }
            self.at += 2;
        }
        self.at = self.text.len();
    }

    /// Reads a name and attributes up to and with `>`; a tag that does not end is none.
    fn read_tag(&mut self) -> Option<Tag> {
        let name = self.take_while(|c| !is_space(c) && !matches!(c, '/' | '>')).to_ascii_lowercase();
        let mut attributes: Vec<(String, String)> = Vec::new();
        loop {
            self.take_while(|c| is_space(c) || c == '/');
            match self.rest().chars().next() {
                None => return None,
                Some('>') => {
                    self.at += 1;
                    return Some(Tag { name, attributes });
                }
                Some(_) => {}
            }
            // A name may begin with `=`; that is how the standard gets over `<a =x>`.
            let start = self.at;
            self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            self.take_while(|c| !is_space(c) && !matches!(c, '/' | '>' | '='));
            let key = self.text[start..self.at].to_ascii_lowercase();
            self.take_while(is_space);
            let value = if self.rest().starts_with('=') {
                self.at += 1;
                self.take_while(is_space);
                self.read_value()
            } else {
                ""
            };
            if attributes.len() < MAX_KEYS && !attributes.iter().any(|(name, _)| *name == key) {
                attributes.push((key, resolve(value)));
            }
        }
    }

    fn read_value(&mut self) -> &'a str {
        match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => {
                self.at += 1;
                let value = self.take_while(|c| c != quote);
                self.at = (self.at + 1).min(self.text.len());
                value
            }
            _ => self.take_while(|c| !is_space(c) && c != '>'),
        }
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

fn starts_with_letter(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// Resolves numeric references and the names that packaging tools write; others stay as they are.
fn resolve(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((c, length)) => {
                out.push(c);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character that a reference at the start of `text` stands for, and the reference's length.
fn reference(text: &str) -> Option<(char, usize)> {
    if let Some(number) = text.strip_prefix("&#") {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        if length == 0 {
            return None;
        }
        let code = u32::from_str_radix(&digits[..length], radix).unwrap_or(0);
        let c = char::from_u32(code).filter(|c| *c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER);
        let end = text.len() - digits.len() + length;
        return Some((c, end + usize::from(text[end..].starts_with(';'))));
    }
    const NAMED: [(&str, char); 6] =
        [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\''), ("&nbsp;", '\u{a0}')];
    NAMED.iter().find(|(name, _)| text.starts_with(name)).map(|(name, c)| (*c, name.len()))
}
