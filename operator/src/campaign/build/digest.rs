//! Texts of objects, and digests of them. Pure.

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// A value as YAML.
pub(super) fn yaml(value: &impl Serialize) -> Result<String, Error> {
    // By way of JSON, whose members are sorted: the same campaign is the same text.
    let value = serde_json::to_value(value).map_err(|error| Error::Unwritable(error.to_string()))?;
    serde_saphyr::to_string(&value).map_err(|error| Error::Unwritable(error.to_string()))
}

/// The first 64 bits of SHA-256 of a value's JSON, in hex: enough to tell versions of one object apart.
///
/// # Errors
/// None in practice.
pub fn digest(value: &impl Serialize) -> Result<String, Error> {
    let value = serde_json::to_value(value).map_err(|error| Error::Unwritable(error.to_string()))?;
    let hash = Sha256::digest(value.to_string());
    Ok(HEXLOWER.encode(&hash[..8]))
}
