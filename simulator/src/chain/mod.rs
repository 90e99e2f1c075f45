//! One generated chain, the same for everybody who has its seed.

/// A chain from its first block to the end of the run.
#[derive(Debug)]
pub struct Chain {}
