//! Bytes in the database are zstd frames; their length before is in the row.

use crate::error::StoreError;

/// Small records gain little above it, and a feed has hundreds of thousands.
const LEVEL: i32 = 3;

/// Compresses many bodies, off the threads that answer requests.
pub(crate) async fn pack(operation: &'static str, bodies: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, StoreError> {
    let work = tokio::task::spawn_blocking(move || {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        bodies.iter().map(|body| compressor.compress(body)).collect::<Result<Vec<_>, _>>()
    });
    let problem = match work.await {
        Ok(Ok(packed)) => return Ok(packed),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(StoreError::Compression { operation, what: String::from("a body"), problem })
}

/// Decompresses many bodies, one after the other.
pub(crate) struct Unpacker(zstd::bulk::Decompressor<'static>);

impl Unpacker {
    pub(crate) fn new(operation: &'static str) -> Result<Self, StoreError> {
        zstd::bulk::Decompressor::new().map(Self).map_err(|error| StoreError::Compression {
            operation,
            what: String::from("a decompressor's memory"),
            problem: error.to_string(),
        })
    }

    /// The body of `size` bytes, at most `limit`.
    pub(crate) fn unpack(
        &mut self,
        operation: &'static str,
        packed: &[u8],
        size: u64,
        limit: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let impossible =
            |problem: String| StoreError::ImpossibleRow { operation, column: String::from("body"), problem };
        let size = usize::try_from(size).ok().filter(|size| *size <= limit);
        let Some(size) = size else {
            return Err(impossible(format!("more than {limit} bytes uncompressed")));
        };
        let body = self.0.decompress(packed, size).map_err(|error| impossible(error.to_string()))?;
        if body.len() != size {
            return Err(impossible(format!("{} bytes uncompressed instead of {size}", body.len())));
        }
        Ok(body)
    }
}
