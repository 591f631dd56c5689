//! A reader that stops where a file grows too large.

use std::io::{self, Read};

use super::{FREE_GROWTH, MAX_FILE, MAX_RATIO};

/// The message of the error.
pub(super) const TOO_LARGE: &str = "it grows too large when it is decompressed: at most 4 GiB, and 200 times its size";

pub(super) struct Bounded<R> {
    inner: R,
    seen: u64,
    most: u64,
}

impl<R: Read> Bounded<R> {
    /// `compressed` is the length of what `inner` decompresses.
    pub(super) fn new(inner: R, compressed: Option<u64>) -> Self {
        let most = match compressed {
            Some(length) => length.saturating_mul(MAX_RATIO).clamp(FREE_GROWTH, MAX_FILE),
            None => MAX_FILE,
        };
        Self { inner, seen: 0, most }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.seen += count as u64;
        if self.seen > self.most { Err(io::Error::other(TOO_LARGE)) } else { Ok(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_grow_to_the_limit_and_not_past_it() {
        let read = |length: u64| {
            let mut sink = io::sink();
            io::copy(&mut Bounded::new(io::repeat(b'x').take(length), Some(1)), &mut sink)
        };
        assert!(read(FREE_GROWTH).is_ok());
        assert_eq!(read(FREE_GROWTH + 1).unwrap_err().to_string(), TOO_LARGE);
    }
}
