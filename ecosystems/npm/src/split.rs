//! Splits a JSON object into its entries, keeping their text.
//!
//! A packument is looked at for a handful of its fields and is otherwise copied, so building values would be most of
//! the work. This reads the text once, checks that it is JSON (RFC 8259), and remembers where entries are. It differs from
//! `serde_json` in one point: an escape of half a surrogate pair passes, as it does in JavaScript.

use std::fmt;

/// Deepest nesting. Publishers can put anything into a manifest, so it is high: a value that is deeper makes the whole
/// packument unreadable.
pub const MAX_DEPTH: usize = 10_000;

/// What is no JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misread {
    at: usize,
    problem: &'static str,
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.problem, self.at)
    }
}

/// A key as written, with its quotation marks.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub raw: &'a str,
    /// It has escapes, so that its text is not what it means.
    pub escaped: bool,
}

/// A place in a text.
pub struct Splitter<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Splitter<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// An error at this place.
    pub fn error<T>(&self, problem: &'static str) -> Result<T, Misread> {
        Err(Misread { at: self.at, problem })
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, problem: &'static str) -> Result<(), Misread> {
        if self.peek() != Some(byte) {
            return self.error(problem);
        }
        self.at += 1;
        Ok(())
    }

    /// Reads an object; `entry` is called at each value, with its key, and must read the value.
    pub fn object(&mut self, mut entry: impl FnMut(&mut Self, Key<'a>) -> Result<(), Misread>) -> Result<(), Misread> {
        self.space();
        self.expect(b'{', "expected an object")?;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.expect(b':', "expected `:`")?;
            entry(self, key)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.error("expected `,` or `}`"),
            }
        }
    }

    /// Reads what `read` reads, and gives its text as well.
    pub fn with_text<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Misread>,
    ) -> Result<(&'a str, T), Misread> {
        self.space();
        let from = self.at;
        let read = read(self)?;
        Ok((&self.text[from..self.at], read))
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Result<(), Misread> {
        self.space();
        if self.at < self.text.len() { self.error("expected the end") } else { Ok(()) }
    }

    /// True if the next value is an object.
    pub fn is_object(&mut self) -> bool {
        self.space();
        self.peek() == Some(b'{')
    }

    /// Reads any value. Does not recurse: each level of nesting is one bit, set for an object.
    pub fn value(&mut self) -> Result<&'a str, Misread> {
        self.space();
        let from = self.at;
        let mut levels = Levels::default();
        loop {
            // At a value.
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(open @ (b'{' | b'[')) => {
                    self.at += 1;
                    self.space();
                    let is_object = open == b'{';
                    if self.peek() != Some(if is_object { b'}' } else { b']' }) {
                        if levels.depth == MAX_DEPTH {
                            return self.error("nested too deeply");
                        }
                        levels.push(is_object);
                        if is_object {
                            self.key()?;
                        }
                        continue;
                    }
                    self.at += 1;
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                _ => return self.error("expected a value"),
            }
            // After a value.
            loop {
                if levels.depth == 0 {
                    return Ok(&self.text[from..self.at]);
                }
                self.space();
                let in_object = levels.last & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.space();
                        if in_object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => {}
                    Some(b']') if !in_object => {}
                    _ => return self.error("expected `,` or the end of an object or list"),
                }
                self.at += 1;
                levels.pop();
            }
        }
    }

    /// Reads a key and its colon, up to its value.
    fn key(&mut self) -> Result<(), Misread> {
        self.string()?;
        self.space();
        self.expect(b':', "expected `:`")?;
        self.space();
        Ok(())
    }

    fn string(&mut self) -> Result<Key<'a>, Misread> {
        let from = self.at;
        let mut escaped = false;
        self.expect(b'"', "expected a string")?;
        let bytes = self.text.as_bytes();
        loop {
            while let Some(Ok(eight)) = bytes.get(self.at..self.at + 8).map(<[u8; 8]>::try_from) {
                let special = special(u64::from_le_bytes(eight));
                if special != 0 {
                    self.at += special.trailing_zeros() as usize / 8;
                    break;
                }
                self.at += 8;
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Key { raw: &self.text[from..self.at], escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(0..=0x1f) => return self.error("a control character stands in a string"),
                Some(_) => self.at += 1,
                None => return self.error("a string does not end"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Misread> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u')
                if bytes.get(self.at + 2..self.at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
            {
                self.at += 6;
            }
            _ => return self.error("an escape cannot be read"),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Misread> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Misread> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == from { self.error("expected a digit") } else { Ok(()) }
    }

    fn word(&mut self, word: &str) -> Result<(), Misread> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.error("expected a value");
        }
        self.at += word.len();
        Ok(())
    }
}

/// Whether each open level is an object, one bit for each.
#[derive(Default)]
struct Levels {
    depth: usize,
    /// The innermost level is the lowest bit.
    last: u64,
    /// Full words of levels further out.
    outer: Vec<u64>,
}

impl Levels {
    fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.last);
        }
        self.last = self.last << 1 | u64::from(is_object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.last >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.last = self.outer.pop().unwrap_or_default();
        }
    }
}

/// Marks, of eight bytes, quotation marks, backslashes and control characters. The lowest mark is exact; above it there
/// may be marks too many.
fn special(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let is_zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes & HIGHS;
    let below_space = eight.wrapping_sub(ONES * 0x20) & !eight & HIGHS;
    is_zero(eight ^ (ONES * 0x22)) | is_zero(eight ^ (ONES * 0x5c)) | below_space
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reads(text: &str) -> Result<&str, Misread> {
        let mut splitter = Splitter::new(text);
        let value = splitter.value()?;
        splitter.end().map(|()| value)
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just(String::from("null")),
            r#"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,2})?([eE][+-]?[0-9])?"#,
            r#""([a-z é]|\\[nt"\\/]|\\u00[0-9a-f]{2}){0,20}""#,
        ];
        leaf.prop_recursive(4, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[ {}]", list.join(" ,"))),
                prop::collection::vec((r#""[a-z]{0,9}""#, inner), 0..4).prop_map(|entries| {
                    let entries: Vec<String> =
                        entries.iter().map(|(key, value)| format!("{key} : {value}\n")).collect();
                    format!("{{{}}}", entries.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_json_is_read_whole(text in json()) {
            prop_assert_eq!(reads(&text), Ok(text.trim()));
        }

        #[test]
        fn one_wrong_byte_is_judged_as_serde_does(text in json(), at in any::<prop::sample::Index>(), byte in r#"[ -~\n\x01]"#) {
            let at = at.index(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                let mut text = text;
                text.replace_range(at..=at, &byte);
                let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
                prop_assert_eq!(reads(&text).is_ok(), theirs, "{}", text);
            }
        }
    }

    #[test]
    fn nesting_ends_somewhere() {
        // Lists and objects in turn, so that each level must be remembered.
        let nested = |depth: usize| format!("{}1{}", "[{\"\":".repeat(depth / 2), "}]".repeat(depth / 2));
        for depth in [2, 62, 64, 66, 126, 128, 130, 1000, MAX_DEPTH] {
            assert!(reads(&nested(depth)).is_ok(), "{depth}");
            assert!(reads(&nested(depth).replacen("}]", "]}", 1)).is_err(), "{depth}");
            assert!(reads(&nested(depth).replace("1}", "1]}")).is_err(), "{depth}");
        }
        let problem = reads(&nested(MAX_DEPTH + 2)).unwrap_err().to_string();
        assert!(problem.starts_with("nested too deeply at byte"), "{problem}");
    }

    #[test]
    fn what_is_no_json_is_named_with_its_place() {
        for (text, problem) in [
            ("", "expected a value at byte 0"),
            ("{\"a\" 1}", "expected `:` at byte 5"),
            ("[1 2]", "expected `,` or the end of an object or list at byte 3"),
            ("\"a", "a string does not end at byte 2"),
            ("\"a\u{1}\"", "a control character stands in a string at byte 2"),
            ("\"\\x\"", "an escape cannot be read at byte 1"),
            ("1 1", "expected the end at byte 2"),
            ("[1}", "expected `,` or the end of an object or list at byte 2"),
            ("01", "expected the end at byte 1"),
            ("-", "expected a digit at byte 1"),
        ] {
            assert_eq!(reads(text).unwrap_err().to_string(), problem, "{text}");
        }
        assert!(reads(r#""\ud800""#).is_ok());
    }
}
