//! JSON below the level of values: white space and the elements of an array.

use std::borrow::Cow;
use std::io::{self, BufRead};

/// `text` without insignificant white space, so that the same record has the same digest however it was laid out. What
/// is no valid JSON comes out as something else that is no valid JSON.
pub fn minified(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut start = 0;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at + 1),
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.get_or_insert_with(|| Vec::with_capacity(text.len())).extend_from_slice(&text[start..at]);
                at += 1;
                start = at;
            }
            _ => at += 1,
        }
    }
    match out {
        Some(mut out) => {
            out.extend_from_slice(&text[start..]);
            Cow::Owned(out)
        }
        None => Cow::Borrowed(text),
    }
}

/// The place after the quotation mark that ends the string which begins before `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Splits a JSON array into the bytes of its elements without holding more than one.
pub(crate) struct Elements<R> {
    reader: R,
    limit: usize,
    opened: bool,
    ended: bool,
}

/// What [`Elements`] found.
pub(crate) enum Element {
    /// The bytes of an element.
    Bytes(Vec<u8>),
    /// An element longer than the limit; it was passed over.
    TooLong,
    /// The array is not well formed here; nothing more can be read.
    Broken(&'static str),
}

impl<R: BufRead> Elements<R> {
    /// Elements of the array that `reader` begins with, each of at most `limit` bytes.
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit, opened: false, ended: false }
    }

    /// The next element.
    pub(crate) fn next(&mut self) -> io::Result<Option<Element>> {
        if self.ended {
            return Ok(None);
        }
        if !self.opened {
            self.opened = true;
            if self.significant()? != Some(b'[') {
                return Ok(self.broken("an array begins with `[`"));
            }
        }
        let mut bytes = Vec::new();
        let mut long = false;
        let mut depth = 0_usize;
        let (mut quoted, mut escaped) = (false, false);
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok(self.broken("the array does not end"));
            }
            let mut end = None;
            for (at, &byte) in chunk.iter().enumerate() {
                if quoted {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => quoted = false,
                        _ => {}
                    }
                    continue;
                }
                match byte {
                    b'"' => quoted = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth > 0 => depth -= 1,
                    b',' | b']' if depth == 0 => {
                        end = Some((at, byte));
                        break;
                    }
                    b'}' => {
                        end = Some((at, byte));
                        break;
                    }
                    _ => {}
                }
            }
            let taken = end.map_or(chunk.len(), |(at, _)| at);
            if !long && bytes.len() + taken > self.limit {
                long = true;
                bytes = Vec::new();
            }
            if !long {
                bytes.extend_from_slice(&chunk[..taken]);
            }
            self.reader.consume(taken + usize::from(end.is_some()));
            let Some((_, last)) = end else { continue };
            self.ended = last == b']';
            if last == b'}' {
                return Ok(self.broken("a `}` stands where none was opened"));
            }
            if long {
                return Ok(Some(Element::TooLong));
            }
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(if self.ended { None } else { self.broken("an element is missing") });
            }
            return Ok(Some(Element::Bytes(bytes)));
        }
    }

    fn broken(&mut self, problem: &'static str) -> Option<Element> {
        self.ended = true;
        Some(Element::Broken(problem))
    }

    fn significant(&mut self) -> io::Result<Option<u8>> {
        loop {
            let Some(&byte) = self.reader.fill_buf()?.first() else { return Ok(None) };
            self.reader.consume(1);
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_except_in_strings() {
        assert_eq!(
            &*minified(b" { \"a b\" : [ 1,\n 2 ], \"c\\\" d\": \"e\\\\\" , \"f\" : \" \" } "),
            b"{\"a b\":[1,2],\"c\\\" d\":\"e\\\\\",\"f\":\" \"}"
        );
        assert!(matches!(minified(b"{\"a\":1}"), Cow::Borrowed(_)));
        assert_eq!(&*minified(b"\"a \\"), b"\"a \\");
    }

    fn elements(text: &str, buffer: usize) -> Vec<String> {
        let reader = io::BufReader::with_capacity(buffer, text.as_bytes());
        let mut elements = Elements::new(reader, 12);
        let mut out = Vec::new();
        while let Some(element) = elements.next().unwrap() {
            out.push(match element {
                Element::Bytes(bytes) => String::from_utf8(bytes).unwrap().trim().to_owned(),
                Element::TooLong => String::from("too long"),
                Element::Broken(problem) => problem.to_owned(),
            });
        }
        out
    }

    #[test]
    fn an_array_is_split_into_its_elements_whatever_the_buffer() {
        for buffer in [1, 2, 3, 64] {
            assert_eq!(elements(" [ {\"a\":\"],\"} , [1,2] ,3 ]", buffer), ["{\"a\":\"],\"}", "[1,2]", "3"]);
            assert_eq!(elements("[]", buffer), [""; 0]);
            assert_eq!(elements("[\"aaaaaaaaaaaaaaaaaaaaaaaaaaa\",1]", buffer), ["too long", "1"]);
            assert_eq!(elements("[1,2", buffer), ["1", "the array does not end"]);
            assert_eq!(elements("{}", buffer), ["an array begins with `[`"]);
            assert_eq!(elements("[1,,2]", buffer), ["1", "an element is missing"]);
            assert_eq!(elements("[}", buffer), ["a `}` stands where none was opened"]);
        }
    }
}
