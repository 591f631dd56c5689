//! Reading `multipart/form-data` (RFC 7578), as far as upload tools write it.
//!
//! One part is the file: where its bytes are is told, they are not read. All others are fields, and bounded. What could be
//! read in two ways, such as two files, is not read.

use std::io::{BufRead, BufReader, Read, SeekFrom};
use std::ops::Range;

use weir_core::hosting::{Body, Unreadable};

/// Longest field, in bytes: a description, or attestations.
pub const MAX_FIELD: usize = 4 * 1024 * 1024;
/// Most bytes of all fields.
pub const MAX_FIELDS_BYTES: usize = 16 * 1024 * 1024;
/// Most fields: classifiers and requirements are one each.
pub const MAX_FIELDS: usize = 10_000;
/// Longest boundary, in bytes (RFC 2046).
pub const MAX_BOUNDARY: usize = 70;
/// Most bytes of one part's headers.
pub const MAX_HEADERS: usize = 16 * 1024;

/// What a form holds.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Form {
    /// Names and values of the fields, in their order.
    pub fields: Vec<(String, String)>,
    /// Name of the field that is a file, its file name, and where its bytes are.
    pub file: Option<(String, String, Range<u64>)>,
}

impl Form {
    /// The first value of a field; empty and `UNKNOWN` ones, which old tools write, are none.
    pub fn value(&self, name: &str) -> Option<&str> {
        let value = self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty() && *value != "UNKNOWN")
    }

    /// All values of a field.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

fn invalid(problem: impl Into<String>) -> Unreadable {
    Unreadable::Invalid(format!("the form cannot be read: {}", problem.into()))
}

/// Reads a form.
pub fn read(body: &mut Body<'_>) -> Result<Form, Unreadable> {
    let boundary = boundary(body.content_type)?;
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    body.bytes.seek(SeekFrom::Start(0))?;
    let mut scan = Scan { reader: BufReader::with_capacity(64 * 1024, &mut *body.bytes), at: 0 };
    let mut form = Form::default();
    let mut total = 0;
    scan.first(&delimiter)?;
    while scan.goes_on()? {
        let (name, file) = part_name(&scan.headers()?)?;
        match file {
            Some(file) => {
                if form.file.is_some() {
                    return Err(invalid("it has two files"));
                }
                let start = scan.at;
                let end = scan.until(&delimiter, None)?;
                form.file = Some((name, file, start..end));
            }
            None => {
                let mut value = Vec::new();
                scan.until(&delimiter, Some(&mut value))?;
                total += name.len() + value.len();
                if form.fields.len() >= MAX_FIELDS || total > MAX_FIELDS_BYTES {
                    return Err(invalid(format!(
                        "it has more than {MAX_FIELDS} fields or {MAX_FIELDS_BYTES} bytes in them"
                    )));
                }
                let value = String::from_utf8(value).map_err(|_| invalid(format!("`{name}` is not UTF-8")))?;
                form.fields.push((name, value));
            }
        }
    }
    Ok(form)
}

fn boundary(content_type: &str) -> Result<String, Unreadable> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(Unreadable::Invalid(String::from("an upload is a form: multipart/form-data")));
    }
    let boundary = parameter(parameters, "boundary").ok_or_else(|| invalid("it names no boundary"))?;
    let sound = (1..=MAX_BOUNDARY).contains(&boundary.len()) && boundary.bytes().all(|b| b.is_ascii_graphic());
    if sound { Ok(boundary) } else { Err(invalid(format!("its boundary is not 1 to {MAX_BOUNDARY} ASCII characters"))) }
}

/// The value of a parameter, quoted or not.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut value = String::new();
                let mut characters = quoted.char_indices();
                let end = loop {
                    match characters.next()? {
                        (at, '"') => break at,
                        (_, '\\') => value.push(characters.next()?.1),
                        (_, c) => value.push(c),
                    }
                };
                (value, quoted.get(end + 1..)?)
            }
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after.get(..end)?.trim().to_owned(), after.get(end..)?)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// The field's name, and the file name if it is a file.
fn part_name(headers: &str) -> Result<(String, Option<String>), Unreadable> {
    for line in headers.lines() {
        let Some((header, value)) = line.split_once(':') else { continue };
        if header.trim().eq_ignore_ascii_case("content-disposition") {
            let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
            let name = parameter(parameters, "name").filter(|_| kind.trim().eq_ignore_ascii_case("form-data"));
            let name = name.ok_or_else(|| invalid("a part has no name"))?;
            return Ok((name, parameter(parameters, "filename")));
        }
    }
    Err(invalid("a part has no Content-Disposition"))
}

struct Scan<R> {
    reader: R,
    /// How many bytes were read.
    at: u64,
}

impl<R: BufRead> Scan<R> {
    /// Passes the first delimiter, which needs no line before it.
    fn first(&mut self, delimiter: &[u8]) -> Result<(), Unreadable> {
        let start = delimiter.get(2..).unwrap_or_default();
        let mut found = vec![0; start.len()];
        self.exactly(&mut found)?;
        if found == start { Ok(()) } else { Err(invalid("it does not begin with its boundary")) }
    }

    /// After a delimiter: true if a part follows, false at the end.
    fn goes_on(&mut self) -> Result<bool, Unreadable> {
        let mut next = [0; 2];
        self.exactly(&mut next)?;
        match &next {
            b"\r\n" => Ok(true),
            b"--" => Ok(false),
            _ => Err(invalid("something stands behind a boundary")),
        }
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> Result<(), Unreadable> {
        self.reader.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => invalid("it ends early"),
            _ => Unreadable::Io(error),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// A part's headers, up to the blank line.
    fn headers(&mut self) -> Result<String, Unreadable> {
        let mut headers = Vec::new();
        loop {
            let mut line = Vec::new();
            let room = MAX_HEADERS.saturating_sub(headers.len()) as u64 + 1;
            let read = (&mut self.reader).take(room).read_until(b'\n', &mut line)?;
            self.at += read as u64;
            if !line.ends_with(b"\r\n") {
                return Err(invalid("the headers of a part do not end, or are too long"));
            }
            if line == b"\r\n" {
                return String::from_utf8(headers).map_err(|_| invalid("the headers of a part are not UTF-8"));
            }
            headers.extend_from_slice(&line);
        }
    }

    /// Passes everything up to and with the delimiter; gives where it begins. What is before goes into `keep`, at most
    /// [`MAX_FIELD`] bytes.
    fn until(&mut self, delimiter: &[u8], mut keep: Option<&mut Vec<u8>>) -> Result<u64, Unreadable> {
        // The delimiter begins with the only carriage return in it, so after a mismatch it can only begin anew there.
        let mut matched = 0;
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Err(invalid("it ends within a part"));
            }
            let mut used = 0;
            let mut done = false;
            for byte in buffer {
                used += 1;
                if delimiter.get(matched) == Some(byte) {
                    matched += 1;
                    if matched == delimiter.len() {
                        done = true;
                        break;
                    }
                    continue;
                }
                let begins = delimiter.first() == Some(byte);
                if let Some(keep) = keep.as_deref_mut() {
                    keep.extend_from_slice(delimiter.get(..matched).unwrap_or_default());
                    if !begins {
                        keep.push(*byte);
                    }
                    if keep.len() > MAX_FIELD {
                        return Err(invalid(format!("a field is longer than {MAX_FIELD} bytes")));
                    }
                }
                matched = usize::from(begins);
            }
            self.reader.consume(used);
            self.at += used as u64;
            if done {
                return Ok(self.at - delimiter.len() as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn form(text: &str) -> Result<Form, String> {
        let mut bytes = Cursor::new(text.replace('\n', "\r\n").into_bytes());
        let length = bytes.get_ref().len() as u64;
        let mut body = Body { content_type: "multipart/form-data; boundary=\"x-y\"", length, bytes: &mut bytes };
        read(&mut body).map_err(|error| error.to_string())
    }

    const NAME: &str = "--x-y\nContent-Disposition: form-data; name=\"name\"\n\nacme\n";

    #[test]
    fn fields_are_read_and_the_file_is_found() {
        let file = "--x-y\nContent-Disposition: form-data; name=\"content\"; filename=\"a \\\"b.whl\"\n\
                    Content-Type: application/zip\n\nab\n--x\n--\n--x-y--\n";
        let read = form(&format!("{NAME}{file}")).unwrap();
        assert_eq!((read.value("name"), read.values("name").count()), (Some("acme"), 1));
        let (name, file, at) = read.file.unwrap();
        assert_eq!(
            (name.as_str(), file.as_str(), at.end - at.start),
            ("content", "a \"b.whl", "ab\r\n--x\r\n--".len() as u64)
        );
    }

    #[test]
    fn what_is_not_a_whole_form_is_refused() {
        for (text, problem) in [
            ("", "ends early"),
            ("--z", "ends early"),
            ("--z-y\n", "does not begin"),
            (NAME, "ends within a part"),
            ("--x-y\nContent-Type: text/plain\n\nacme\n--x-y--", "no Content-Disposition"),
            ("--x-y\nContent-Disposition: form-data\n\nacme\n--x-y--", "no name"),
            ("--x-yzz", "something stands behind"),
        ] {
            let error = form(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn a_field_may_have_its_limit_and_no_byte_more() {
        for (length, fits) in [(MAX_FIELD, true), (MAX_FIELD + 1, false)] {
            let value = "a".repeat(length);
            let text = format!("--x-y\nContent-Disposition: form-data; name=a\n\n{value}\n--x-y--");
            assert_eq!(form(&text).is_ok(), fits);
        }
        let headers =
            format!("--x-y\nContent-Disposition: form-data; name=a\nX: {}\n\nv\n--x-y--", "x".repeat(MAX_HEADERS));
        assert!(form(&headers).unwrap_err().contains("too long"));
    }
}
