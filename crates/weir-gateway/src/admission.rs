//! May these bytes leave?
//!
//! An artifact's bytes leave only inside an [`Admitted`], and that is made only from a [`Permit`], which only a decision
//! can give. A registry format that forgot to ask could not be written down.

use weir_core::Digest;
use weir_policy::Permit;

/// Bytes that a decision lets out.
#[derive(Debug)]
pub struct Admitted {
    digest: Digest,
    size: u64,
    decision: String,
}

impl Admitted {
    /// Exchanges a permit for the right to send the blob `digest` of `size` bytes.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is spent")]
    pub fn new(permit: Permit, digest: Digest, size: u64) -> Self {
        Self { digest, size, decision: permit.decision_id().to_owned() }
    }

    /// Which bytes.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How many.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The decision that lets them out.
    pub fn decision(&self) -> &str {
        &self.decision
    }
}

/// Leave to send the leading bytes of an artifact that is still on its way: never its tail.
#[derive(Debug)]
pub struct Leading {
    decision: String,
}

impl Leading {
    /// Exchanges a permit that metadata gave for the right to send what may be sent before the verdict.
    #[expect(clippy::needless_pass_by_value, reason = "a permit is spent")]
    pub fn new(permit: Permit) -> Self {
        Self { decision: permit.decision_id().to_owned() }
    }

    /// The decision that lets them out.
    pub fn decision(&self) -> &str {
        &self.decision
    }
}
