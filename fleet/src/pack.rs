//! A visit as it lies in the stream: the zstd of its JSON. Long answers and certificates that were seen before stand as
//! their digests there, and are kept once beside it. What is unpacked is the very visit that was packed.

use std::{collections::HashSet, fmt, str::FromStr, time::Duration};

use data_encoding::HEXLOWER;
use electrum::tls::Der;
use model::{Recorded, Visit};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::FleetError;

/// How long an answer is kept beside the stream since it was last seen: what nobody reads for longer cannot be restored.
pub const ANSWERS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Bytes from which on an answer is worth a digest.
const LONG: usize = 512;
/// Bytes of an answer at the most, unpacked.
const LONGEST_ANSWER: u64 = 16 << 20;
/// Bytes of a visit at the most, unpacked: many times what a visit may read.
const LONGEST_VISIT: u64 = 64 << 20;
/// Digests remembered, and as many again from before.
const MOST_SEEN: usize = 50_000;
const LEVEL: i32 = 3;

/// SHA-256 of bytes that are kept beside the stream; hexadecimal where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Digest {
    type Err = PackError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| PackError::Damaged("a digest is none".to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = PackError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// Why what was packed cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// It is not what was packed.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// An answer is not kept any more.
    #[error("answer {0} is gone")]
    Gone(Digest),
}

impl From<PackError> for FleetError {
    fn from(error: PackError) -> Self {
        Self::Spoilt { key: "a packed visit".to_owned(), reason: error.to_string() }
    }
}

/// Which answers were seen lately. What is seen once only stays with its visit, and goes with it.
#[derive(Debug, Default)]
pub struct Seen {
    now: HashSet<Digest>,
    before: HashSet<Digest>,
}

impl Seen {
    /// Whether it was seen before; it is now.
    fn again(&mut self, digest: Digest) -> bool {
        let known = self.before.contains(&digest);
        if self.now.len() >= MOST_SEEN {
            self.before = std::mem::take(&mut self.now);
        }
        !self.now.insert(digest) || known
    }
}

/// A visit as it lies in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The entry.
    pub entry: Vec<u8>,
    /// What must be kept beside it for [`ANSWERS_KEPT`] at least, packed too.
    pub answers: Vec<(Digest, Vec<u8>)>,
}

/// A visit without what is kept beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unpacked {
    visit: Visit,
    /// By their place among all that may be long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aside: Vec<(usize, Digest)>,
}

/// Packs a visit.
///
/// # Errors
/// [`PackError::Damaged`], where it has no JSON.
pub fn pack(visit: &Visit, seen: &mut Seen) -> Result<Packed, PackError> {
    let mut unpacked = Unpacked { visit: visit.clone(), aside: Vec::new() };
    let mut answers = Vec::new();
    for (place, mut long) in long_ones(&mut unpacked.visit).into_iter().enumerate() {
        if long.bytes().len() < LONG {
            continue;
        }
        let digest = Digest::of(long.bytes());
        if seen.again(digest) {
            answers.push((digest, compress(&long.take())?));
            unpacked.aside.push((place, digest));
        }
    }
    Ok(Packed { entry: unpacked.write()?, answers })
}

/// Packs a visit with all that was said, to be kept by itself.
///
/// # Errors
/// [`PackError::Damaged`], where it has no JSON.
pub fn whole(visit: &Visit) -> Result<Vec<u8>, PackError> {
    Unpacked { visit: visit.clone(), aside: Vec::new() }.write()
}

/// Unpacks what [`whole`] packed.
///
/// # Errors
/// [`PackError`].
pub fn unpack(packed: &[u8]) -> Result<Visit, PackError> {
    Unpacked::read(packed)?.complete(|_| None)
}

impl Unpacked {
    fn write(&self) -> Result<Vec<u8>, PackError> {
        compress(&serde_json::to_vec(self).map_err(damaged)?)
    }

    /// Unpacks an entry, as far as that goes without what is kept beside it.
    ///
    /// # Errors
    /// [`PackError::Damaged`].
    pub fn read(entry: &[u8]) -> Result<Self, PackError> {
        serde_json::from_slice(&expand(entry, LONGEST_VISIT)?).map_err(damaged)
    }

    /// What is kept beside it.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.aside.iter().map(|(_, digest)| *digest)
    }

    /// The visit, with what is kept beside it put back.
    ///
    /// # Errors
    /// [`PackError`], where something is not there or is not what it was.
    pub fn complete<'a>(mut self, kept: impl Fn(&Digest) -> Option<&'a [u8]>) -> Result<Visit, PackError> {
        let mut places = long_ones(&mut self.visit);
        for (place, digest) in &self.aside {
            let bytes = expand(kept(digest).ok_or(PackError::Gone(*digest))?, LONGEST_ANSWER)?;
            if Digest::of(&bytes) != *digest {
                return Err(PackError::Damaged(format!("answer {digest} is another")));
            }
            let long = places.get_mut(*place);
            long.ok_or_else(|| PackError::Damaged("an answer has no place".to_owned()))?.put(bytes);
        }
        drop(places);
        Ok(self.visit)
    }
}

/// Bytes of a visit that may be many.
enum Long<'a> {
    Said(&'a mut Recorded),
    Shown(&'a mut Der),
}

impl Long<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Said(recorded) => recorded.bytes(),
            Self::Shown(der) => der.as_bytes(),
        }
    }

    /// Leaves none behind.
    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Said(recorded) => recorded.swap(Vec::new()),
            Self::Shown(der) => std::mem::replace(*der, Der::from(&[][..])).as_bytes().to_vec(),
        }
    }

    fn put(&mut self, bytes: Vec<u8>) {
        match self {
            Self::Said(recorded) => drop(recorded.swap(bytes)),
            Self::Shown(der) => **der = Der::from(&bytes[..]),
        }
    }
}

/// All of them, in an order that depends on their number only.
fn long_ones(visit: &mut Visit) -> Vec<Long<'_>> {
    let answers =
        visit.exchanges.iter_mut().filter_map(|exchange| Some(&mut exchange.answer.as_mut()?.response));
    let unasked = visit.unasked.first.iter_mut().map(|heard| &mut heard.line);
    let shown = visit.tls.iter_mut().flat_map(|facts| &mut facts.chain);
    let offered = visit.tls_offer.iter_mut().flat_map(|offer| &mut offer.chain);
    answers.chain(unasked).map(Long::Said).chain(shown.chain(offered).map(Long::Shown)).collect()
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>, PackError> {
    zstd::encode_all(bytes, LEVEL).map_err(damaged)
}

fn expand(bytes: &[u8], most: u64) -> Result<Vec<u8>, PackError> {
    use std::io::Read as _;
    let mut expanded = Vec::new();
    let decoder = zstd::Decoder::with_buffer(bytes).map_err(damaged)?;
    decoder.take(most + 1).read_to_end(&mut expanded).map_err(damaged)?;
    if expanded.len() as u64 > most {
        return Err(PackError::Damaged(format!("it has more than {most} bytes")));
    }
    Ok(expanded)
}

fn damaged(error: impl fmt::Display) -> PackError {
    PackError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use electrum::{Network, tls};
    use jiff::Timestamp;
    use model::{Exchange, Purpose, Seconds, exchange::Reply, visit::Heard};
    use proptest::prelude::*;

    use super::*;

    fn long_or_short() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            (any::<u8>(), 500_usize..2_000).prop_map(|(byte, length)| vec![byte; length]),
            "[a-z\"é]{400,900}".prop_map(String::into_bytes),
        ]
    }

    fn visit() -> impl Strategy<Value = Visit> {
        let bytes = || proptest::collection::vec((long_or_short(), any::<bool>()), 0..6);
        (bytes(), bytes(), bytes(), 0.0..1e6).prop_map(|(answers, heard, chain, cost)| {
            let endpoint = "ssl://example.org:50002".parse().expect("an endpoint");
            let mut visit = Visit::begun(
                Network::Regtest,
                endpoint,
                "v".to_owned(),
                Purpose::Light,
                Timestamp::UNIX_EPOCH,
            );
            let at = Seconds::from(std::time::Duration::from_millis(7));
            let recorded = |(bytes, cut): (Vec<u8>, bool)| {
                Recorded::new(&bytes, if cut { bytes.len().saturating_sub(1) } else { usize::MAX })
            };
            visit.exchanges = Vec::from_iter(answers.into_iter().map(|answer| Exchange {
                probe: "M1".into(),
                request: Recorded::new(b"{}", 9),
                sent: at,
                answer: (!answer.0.is_empty()).then(|| Reply {
                    response: recorded(answer),
                    first_byte: at,
                    last_byte: at,
                }),
            }));
            visit.unasked.count = 6;
            visit.unasked.first =
                Vec::from_iter(heard.into_iter().map(|line| Heard { at, line: recorded(line) }));
            visit.tls = Some(tls::Facts {
                version: None,
                cipher: None,
                group: None,
                alpn: None,
                chain: chain.iter().map(|(bytes, _)| Der::from(&bytes[..])).collect(),
                key_proven: true,
            });
            visit.cost = cost;
            visit
        })
    }

    fn json(visit: &Visit) -> String {
        serde_json::to_string(visit).expect("writes")
    }

    proptest! {
        #[test]
        fn what_is_unpacked_is_what_was_packed(visits in proptest::collection::vec(visit(), 1..4)) {
            let (mut seen, mut kept) = (Seen::default(), HashMap::new());
            for visit in visits.iter().chain(&visits) {
                let packed = pack(visit, &mut seen).expect("packs");
                kept.extend(packed.answers);
                let unpacked = Unpacked::read(&packed.entry).expect("reads");
                let again = unpacked.complete(|digest| kept.get(digest).map(Vec::as_slice)).expect("complete");
                prop_assert_eq!(json(&again), json(visit));
                let again = unpack(&whole(visit).expect("packs")).expect("unpacks");
                prop_assert_eq!(json(&again), json(visit));
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(Unpacked::read(&bytes).is_err());
            let packed = zstd::encode_all(&bytes[..], LEVEL).expect("packs");
            prop_assert!(Unpacked::read(&packed).is_err());
        }
    }

    fn with_answer(answer: &[u8]) -> Visit {
        let endpoint = "tcp://a.example:1".parse().expect("an endpoint");
        let mut visit =
            Visit::begun(Network::Regtest, endpoint, "v".to_owned(), Purpose::Light, Timestamp::UNIX_EPOCH);
        let at = Seconds::from(std::time::Duration::ZERO);
        visit.exchanges = vec![Exchange {
            probe: "M4".into(),
            request: Recorded::new(b"{}", 9),
            sent: at,
            answer: Some(Reply {
                response: Recorded::new(answer, Recorded::LIMIT),
                first_byte: at,
                last_byte: at,
            }),
        }];
        visit
    }

    /// Hard to compress, as hashes are.
    fn noise(length: usize) -> Vec<u8> {
        let blocks = (0_u64..).flat_map(|n| Sha256::digest(n.to_be_bytes()));
        HEXLOWER.encode(&blocks.take(length / 2).collect::<Vec<u8>>()).into_bytes()
    }

    #[test]
    fn what_is_seen_again_is_kept_once_and_its_loss_is_noticed() {
        let (visit, mut seen) = (with_answer(&noise(20_000)), Seen::default());
        let first = pack(&visit, &mut seen).expect("packs");
        let second = pack(&visit, &mut seen).expect("packs");
        assert!(first.answers.is_empty() && second.answers.len() == 1);
        assert!(second.entry.len() < 400 && first.entry.len() > 9_000, "{}", second.entry.len());
        let read = || Unpacked::read(&second.entry).expect("reads");
        let digest = second.answers[0].0;
        assert_eq!(read().digests().collect::<Vec<_>>(), [digest]);
        assert_eq!(read().complete(|_| None), Err(PackError::Gone(digest)));
        let other = zstd::encode_all(&b"other"[..], LEVEL).expect("packs");
        assert!(matches!(read().complete(|_| Some(&other[..])), Err(PackError::Damaged(_))));
    }

    #[test]
    fn what_expands_without_end_is_refused() {
        let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(b' '), LONGEST_VISIT + 1), LEVEL);
        let error = Unpacked::read(&bomb.expect("packs")).expect_err("too long");
        assert!(error.to_string().contains("more than"), "{error}");
    }
}
