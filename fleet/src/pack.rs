//! How a visit is written into the stream. Says nothing of what is in it.

use model::Visit;

use crate::FleetError;

/// A visit as it goes into the stream.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    /// What the stream's entry holds.
    pub(crate) entry: Vec<u8>,
    /// Long answers that the entry only names, by digest.
    pub(crate) answers: Vec<(String, Vec<u8>)>,
}

/// Packs a visit for the stream.
pub(crate) fn pack(visit: &Visit) -> Packed {
    Packed { entry: whole(visit), answers: Vec::new() }
}

/// Packs a visit with all its answers: the zstd of its JSON.
pub(crate) fn whole(visit: &Visit) -> Vec<u8> {
    let json = serde_json::to_vec(visit).unwrap_or_default();
    zstd::encode_all(&json[..], 3).unwrap_or_default()
}

/// Most bytes of a visit's JSON that are unpacked: what is larger we have not written.
const MOST: u64 = 64 << 20;

/// Unpacks what [`whole`] packed.
pub(crate) fn unpack(packed: &[u8]) -> Result<Visit, FleetError> {
    let spoilt = |reason: String| FleetError::Spoilt { key: "a packed visit".to_owned(), reason };
    let decoder = zstd::Decoder::with_buffer(packed).map_err(|e| spoilt(e.to_string()))?;
    serde_json::from_reader(std::io::BufReader::new(std::io::Read::take(decoder, MOST)))
        .map_err(|e| spoilt(e.to_string()))
}
