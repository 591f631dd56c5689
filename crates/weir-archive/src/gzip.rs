//! Compressed streams that may consist of several members (RFC 1952 §2.2; bzip2 alike).
//!
//! gunzip, Python and node read all members as one stream, cargo reads the first and stops: a second member is an
//! ambiguity wherever it stands.

use std::io::{self, BufRead, BufReader, Read};

/// How much of the packed stream is buffered.
const BUFFER: usize = 64 * 1024;

/// Most members of a stream. Starting one costs more than its few bytes, and a second is an ambiguity already.
const MAX_MEMBERS: u64 = 1000;

/// A reader that counts its bytes and remembers whether an error was its own or the format's.
#[derive(Debug)]
pub(crate) struct Medium<R> {
    inner: R,
    count: u64,
    failed: bool,
}

impl<R: Read> Medium<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, count: 0, failed: false }
    }
}

impl<R: Read> Read for Medium<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(count) => {
                self.count += count as u64;
                Ok(count)
            }
            Err(error) => {
                self.failed |= error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }
}

/// Where the blocks of a tar archive come from.
pub(crate) trait Source: Read {
    /// Bytes taken from the medium.
    fn packed(&self) -> u64;
    /// True if the last error was the medium's own.
    fn medium_failed(&self) -> bool;
    /// Called at the end of the stream: what stands beside the one member that there should be.
    fn oddity(&mut self) -> io::Result<Option<&'static str>>;
}

impl<R: Read> Source for Medium<R> {
    fn packed(&self) -> u64 {
        self.count
    }

    fn medium_failed(&self) -> bool {
        self.failed
    }

    fn oddity(&mut self) -> io::Result<Option<&'static str>> {
        Ok(None)
    }
}

/// A compression format whose streams stand one after another.
pub(crate) trait Codec<B: BufRead>: Sized + Read {
    /// What a member begins with.
    const MAGIC: &'static [u8];
    fn start(packed: B) -> Self;
    fn packed(&self) -> &B;
    fn end(self) -> B;
}

impl<B: BufRead> Codec<B> for flate2::bufread::GzDecoder<B> {
    const MAGIC: &'static [u8] = &[0x1f, 0x8b];

    fn start(packed: B) -> Self {
        Self::new(packed)
    }

    fn packed(&self) -> &B {
        self.get_ref()
    }

    fn end(self) -> B {
        self.into_inner()
    }
}

impl<B: BufRead> Codec<B> for bzip2::bufread::BzDecoder<B> {
    const MAGIC: &'static [u8] = b"BZh";

    fn start(packed: B) -> Self {
        Self::new(packed)
    }

    fn packed(&self) -> &B {
        self.get_ref()
    }

    fn end(self) -> B {
        self.into_inner()
    }
}

/// The bytes of all members, one after another.
pub(crate) struct Members<R: Read, C> {
    state: State<BufReader<Medium<R>>, C>,
    members: u64,
    rubbish: bool,
}

enum State<B, C> {
    Member(C),
    End(B),
    /// Only while one state becomes another.
    Between,
}

impl<R: Read, C: Codec<BufReader<Medium<R>>>> Members<R, C> {
    pub(crate) fn new(inner: R) -> Self {
        let packed = BufReader::with_capacity(BUFFER, Medium::new(inner));
        Self { state: State::Member(C::start(packed)), members: 1, rubbish: false }
    }

    fn medium(&self) -> Option<&Medium<R>> {
        match &self.state {
            State::Member(member) => Some(member.packed().get_ref()),
            State::End(packed) => Some(packed.get_ref()),
            State::Between => None,
        }
    }

    /// Goes on after a member: to the next, or past what is left.
    fn after_member(&mut self) -> io::Result<()> {
        let State::Member(member) = std::mem::replace(&mut self.state, State::Between) else {
            return Ok(());
        };
        let mut packed = member.end();
        let next = packed.fill_buf().map(|buffer| {
            // A magic number that a buffer's end cuts in two reads as rubbish: an ambiguity either way.
            buffer.starts_with(C::MAGIC)
        });
        match next {
            Ok(true) if self.members == MAX_MEMBERS => {
                self.state = State::End(packed);
                Err(io::Error::other(format!("it consists of more than {MAX_MEMBERS} streams")))
            }
            Ok(true) => {
                self.members += 1;
                self.state = State::Member(C::start(packed));
                Ok(())
            }
            Ok(false) => {
                let rest = only_zeros(&mut packed);
                self.state = State::End(packed);
                self.rubbish = !rest?;
                Ok(())
            }
            Err(error) => {
                self.state = State::End(packed);
                Err(error)
            }
        }
    }
}

/// Reads to the end; true if every byte is zero.
fn only_zeros(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut zeros = true;
    loop {
        let length = match reader.fill_buf() {
            Ok([]) => return Ok(zeros),
            Ok(buffer) => {
                zeros &= buffer.iter().all(|byte| *byte == 0);
                buffer.len()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        reader.consume(length);
    }
}

impl<R: Read, C: Codec<BufReader<Medium<R>>>> Read for Members<R, C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let State::Member(member) = &mut self.state {
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.after_member()?;
        }
        Ok(0)
    }
}

impl<R: Read, C: Codec<BufReader<Medium<R>>>> Source for Members<R, C> {
    fn packed(&self) -> u64 {
        self.medium().map_or(0, |medium| medium.count)
    }

    fn medium_failed(&self) -> bool {
        self.medium().is_some_and(|medium| medium.failed)
    }

    fn oddity(&mut self) -> io::Result<Option<&'static str>> {
        Ok(if self.rubbish {
            Some("bytes follow the compressed stream")
        } else if self.members > 1 {
            Some("it consists of several compressed streams, of which some readers read the first alone")
        } else {
            None
        })
    }
}
