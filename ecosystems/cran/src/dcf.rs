//! Debian control format as R reads it: `PACKAGES` and `DESCRIPTION`.
//!
//! Specification: `?read.dcf`; "Writing R Extensions", 1.1.1. Records stand between blank lines; a field is `Name: value`, and
//! lines that begin with a blank go on with it. Bytes stay bytes: old records are in Latin-1, and a field that Weir does not
//! know is handed on as it came.

use std::ops::Range;

/// Longest record that is read, in bytes. The longest on CRAN has about ten thousand.
pub const MAX_RECORD: usize = 1 << 20;

/// One record, as it stands in its document without the blank line after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a>(&'a [u8]);

/// All records of a document, with the range of bytes in which each stands.
pub fn records(document: &[u8]) -> impl Iterator<Item = (Range<usize>, Record<'_>)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let mut start = None;
        while let Some(rest) = document.get(from..).filter(|rest| !rest.is_empty()) {
            let length = line_length(rest);
            let line = rest.get(..length).unwrap_or(rest);
            let at = from;
            from += length;
            match (line.iter().all(u8::is_ascii_whitespace), start) {
                (true, Some(start)) => return Some((start..at, Record(document.get(start..at)?))),
                (true, None) => {}
                (false, None) => start = Some(at),
                (false, Some(_)) => {}
            }
        }
        start.map(|start| (start..document.len(), Record(document.get(start..).unwrap_or_default())))
    })
}

/// Length of the first line with its end.
fn line_length(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1)
}

impl<'a> Record<'a> {
    /// The first record of a document.
    pub fn first(document: &'a [u8]) -> Option<Self> {
        records(document).next().map(|(_, record)| record)
    }

    /// Its bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its fields in their order: name, value as it stands without the blanks around it, and all bytes of the field.
    pub fn fields(self) -> impl Iterator<Item = Field<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let mut end = line_length(rest);
                while rest.get(end).is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
                    end += line_length(rest.get(end..).unwrap_or_default());
                }
                let (field, after) = rest.split_at(end.min(rest.len()));
                rest = after;
                let Some(colon) = field.iter().position(|byte| *byte == b':') else { continue };
                let (name, value) = (field.get(..colon)?, field.get(colon + 1..)?);
                if let Ok(name) = std::str::from_utf8(name)
                    && !name.is_empty()
                    && !name.contains(char::is_whitespace)
                {
                    return Some(Field { name, value: value.trim_ascii(), bytes: field });
                }
            }
            None
        })
    }

    /// The value of the first field of this name, as text: Latin-1 where it is not UTF-8, lines joined by one blank.
    pub fn get(self, name: &str) -> Option<String> {
        let field = self.fields().find(|field| field.name == name)?;
        let text = match std::str::from_utf8(field.value) {
            Ok(text) => text.to_owned(),
            Err(_) => field.value.iter().map(|byte| char::from(*byte)).collect(),
        };
        match text.contains('\n') {
            true => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            false => Some(text),
        }
    }
}

/// One field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    /// Its name: `Imports`.
    pub name: &'a str,
    /// Its value as it stands, without the blanks around it.
    pub value: &'a [u8],
    /// All of it, with the end of its last line.
    pub bytes: &'a [u8],
}

/// Writes a field on one line, whatever is in the value.
pub fn write_field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    for word in value.split_whitespace() {
        out.push(b' ');
        out.extend_from_slice(word.as_bytes());
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"\nPackage: a1\nImports: b,\n        c (>= 1.0)\nX-Unknown: \xe9\n\n \nPackage: b2\r\nVersion: 1.0\r\nnonsense\nMD5sum: x";

    #[test]
    fn records_and_fields_are_found_where_they_stand() {
        let found: Vec<_> = records(TWO).collect();
        assert_eq!(found.len(), 2);
        let (range, first) = &found[0];
        assert_eq!(&TWO[range.clone()], first.bytes());
        assert_eq!(first.get("Imports").as_deref(), Some("b, c (>= 1.0)"));
        assert_eq!(first.get("X-Unknown").as_deref(), Some("é"));
        assert_eq!(first.get("Version"), None);
        let names: Vec<_> = found[1].1.fields().map(|field| field.name).collect();
        assert_eq!(names, ["Package", "Version", "MD5sum"]);
        assert_eq!(found[1].1.get("Version").as_deref(), Some("1.0"));
    }

    #[test]
    fn a_written_field_is_one_line() {
        let mut out = Vec::new();
        write_field("Weir-Note", "a\n\nPackage: evil", &mut out);
        assert_eq!(out, b"Weir-Note: a Package: evil\n");
    }

    proptest::proptest! {
        #[test]
        fn all_bytes_of_records_are_theirs(text in "[a-zA-Z: \n\t.]{0,200}") {
            let mut end = 0;
            for (range, record) in records(text.as_bytes()) {
                assert!(range.start >= end && range.end <= text.len());
                assert!(text.as_bytes()[end..range.start].iter().all(u8::is_ascii_whitespace));
                assert!(record.fields().map(|field| field.bytes.len()).sum::<usize>() <= record.bytes().len());
                end = range.end;
            }
            assert!(text.as_bytes()[end..].iter().all(u8::is_ascii_whitespace));
        }
    }
}
