//! JSON that is too large to be held: read forward once, one value at a time, as bytes.

use std::io::{self, BufRead};

/// Deepest nesting of a value.
pub const MAX_DEPTH: u32 = 100;
/// Longest value that is read at once, in bytes: a record, or all names under `removed`.
pub const MAX_VALUE: usize = 64 * 1024 * 1024;

/// Reads forward through a JSON text.
pub(crate) struct Scanner<'r> {
    reader: &'r mut dyn BufRead,
    /// How many bytes were read: where a problem is.
    pub(crate) at: u64,
}

/// Why a text cannot be read on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The medium, or what it is packed in.
    Io(io::Error),
    /// It is not JSON of this form.
    Form(String),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<'r> Scanner<'r> {
    pub(crate) fn new(reader: &'r mut dyn BufRead) -> Self {
        Self { reader, at: 0 }
    }

    fn broken<T>(&self, problem: &str) -> Result<T, Broken> {
        Err(Broken::Form(format!("{problem}, at byte {}", self.at)))
    }

    /// The next byte that is no white space, without taking it; `None` at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, Broken> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blank = buffer.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            let found = buffer.get(blank).copied();
            self.reader.consume(blank);
            self.at += blank as u64;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn take(&mut self) {
        self.reader.consume(1);
        self.at += 1;
    }

    /// Takes the next byte that is no white space, which has to be `byte`.
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.take();
                Ok(())
            }
            Some(_) => self.broken(&format!("something stands where `{}` should", char::from(byte))),
            None => self.broken(&format!("it ends where `{}` should stand", char::from(byte))),
        }
    }

    /// Moves to the next member of an object that was opened; `false` at its end, which is taken. `first` for the first.
    pub(crate) fn member(&mut self, first: bool) -> Result<bool, Broken> {
        match self.peek()? {
            Some(b'}') => {
                self.take();
                Ok(false)
            }
            Some(b'"') if first => Ok(true),
            Some(b',') if !first => {
                self.take();
                match self.peek()? {
                    Some(b'"') => Ok(true),
                    _ => self.broken("an object has no key after `,`"),
                }
            }
            _ => self.broken("an object goes on with neither `,` nor `}`"),
        }
    }

    /// Appends the next value's bytes to `out`.
    pub(crate) fn value(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let from = out.len();
        let first = match self.peek()? {
            Some(first) => first,
            None => return self.broken("it ends where a value should stand"),
        };
        let mut depth = 0u32;
        let (mut in_string, mut escaped) = (false, false);
        let is_scalar = !matches!(first, b'{' | b'[' | b'"');
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                if is_scalar && out.len() > from {
                    return Ok(());
                }
                return self.broken("it ends within a value");
            }
            let mut used = 0;
            let mut ended = false;
            let mut problem = None;
            while let Some(byte) = buffer.get(used) {
                if is_scalar {
                    if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') {
                        ended = true;
                        break;
                    }
                    used += 1;
                    continue;
                }
                if in_string {
                    if escaped {
                        escaped = false;
                        used += 1;
                        continue;
                    }
                    let rest = buffer.get(used..).unwrap_or_default();
                    let Some(next) = memchr::memchr2(b'"', b'\\', rest) else {
                        used = buffer.len();
                        break;
                    };
                    match rest.get(next) {
                        Some(b'"') => in_string = false,
                        _ => escaped = true,
                    }
                    used += next + 1;
                    if !in_string && depth == 0 {
                        ended = true;
                        break;
                    }
                    continue;
                }
                used += 1;
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => {
                        depth += 1;
                        if depth > MAX_DEPTH {
                            problem = Some("a value is nested too deep");
                            break;
                        }
                    }
                    b'}' | b']' => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            ended = true;
                            break;
                        }
                    }
                    _ => {}
                }
            }
            out.extend_from_slice(buffer.get(..used).unwrap_or_default());
            self.reader.consume(used);
            self.at += used as u64;
            if let Some(problem) = problem {
                return self.broken(problem);
            }
            if out.len() - from > MAX_VALUE {
                return self.broken("a value is longer than 64 MiB");
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Broken> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => self.broken("something follows after its end"),
        }
    }
}
