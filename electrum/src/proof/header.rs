//! Block headers as servers send them: 80 bytes in 160 hex characters.
//!
//! Only the form is read here. Whether headers follow each other and were worked for is for
//! [`chain`](super::chain()) to say.

use bitcoin::{block::Header, consensus};

use super::exact_hex;

/// The length of a header in hex characters.
pub const HEX_LENGTH: usize = Header::SIZE * 2;

/// The most headers one answer of `blockchain.block.headers` holds (every known server's `max`).
pub const MAX_RUN: usize = 2016;

/// The text is not a header.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a header is 160 hex characters")]
pub struct HeaderError;

/// Why an answer is not a run of headers.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RunError {
    /// More headers than one answer may hold.
    #[error("more than {MAX_RUN} headers in one answer")]
    TooLong,
    /// The text does not end where a header ends.
    #[error("{length} hex characters are not a whole number of headers")]
    Ragged {
        /// The length of the text.
        length: usize,
    },
    /// One of the headers is none.
    #[error("header {index} of the run is not 160 hex characters")]
    Header {
        /// Its place in the run, from 0.
        index: usize,
    },
}

/// The two forms in which `blockchain.block.headers` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunForm<'a> {
    /// Up to protocol 1.5: the member `hex`, all headers in one text.
    Hex(&'a str),
    /// From protocol 1.6: the member `headers`, one text each.
    List(&'a [String]),
}

/// Decodes one header from exactly 160 hex characters, in either case.
///
/// # Errors
/// [`HeaderError`] for any other text.
pub fn decode(hex: &str) -> Result<Header, HeaderError> {
    let bytes = exact_hex::<{ Header::SIZE }>(hex).ok_or(HeaderError)?;
    consensus::deserialize(&bytes).map_err(|_| HeaderError)
}

/// Decodes a run of headers, which may be empty: so servers answer beyond their tip.
///
/// # Errors
/// [`RunError`] for more than [`MAX_RUN`] headers, for a text that is cut short and for the first
/// header that is none.
pub fn parse_run(run: &RunForm<'_>) -> Result<Vec<Header>, RunError> {
    match run {
        RunForm::Hex(text) => {
            let length = text.len();
            if length > MAX_RUN * HEX_LENGTH {
                return Err(RunError::TooLong);
            }
            if length % HEX_LENGTH != 0 {
                return Err(RunError::Ragged { length });
            }
            // `get` gives none where a cut would split a character, which is then not hex either.
            let piece = |index| text.get(index * HEX_LENGTH..(index + 1) * HEX_LENGTH);
            decode_all((0..length / HEX_LENGTH).map(piece))
        }
        RunForm::List(texts) => {
            if texts.len() > MAX_RUN {
                return Err(RunError::TooLong);
            }
            decode_all(texts.iter().map(|text| Some(text.as_str())))
        }
    }
}

fn decode_all<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> Result<Vec<Header>, RunError> {
    let header = |(index, text): (usize, Option<&str>)| {
        text.and_then(|text| decode(text).ok()).ok_or(RunError::Header { index })
    };
    texts.enumerate().map(header).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use data_encoding::HEXLOWER;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::Network;

    /// Blocks 0 to 3 of mainnet.
    pub(in crate::proof) const MAINNET: [&str; 4] = [
        "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
        "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
        "010000004860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000d5fdcc541e25de1c7a5addedf24858b8bb665c9f36ef744ee42c316022c90f9bb0bc6649ffff001d08d2bd61",
        "01000000bddd99ccfda39da1b108ce1a5d70038d0a967bacb68b6b63065f626a0000000044f672226090d85db9a9f2fbfe5f0f9609b387af7be5b7fbb7a1767c831c9e995dbe6649ffff001d05e0ed6d",
    ];

    /// Blocks 0 to 2 of a regtest chain, as servers sent them.
    pub(in crate::proof) const REGTEST: [&str; 3] = [
        "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4adae5494dffff7f2002000000",
        "0000002006226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f838d2d6cb6f47d15fb3131e6bef0840d6624cd64bc0f47985eb8eb95c1245e283bee036bffff7f2001000000",
        "0000002009659ce44cbb50264551a21e939e0285b4c2ca8f8117ef1423e7d317e2f6f2493a7f2c9014fb8dc0b6dd1d1ec9f6a909ef2388c6877d40d1f19f895f6bd9552b3cee036bffff7f2000000000",
    ];

    #[test]
    fn genesis_headers_have_their_hashes() {
        for (hex, network) in [(MAINNET[0], Network::Mainnet), (REGTEST[0], Network::Regtest)] {
            let header = decode(hex).expect("a header");
            assert_eq!(header.block_hash().to_string(), network.genesis_hash());
            assert_eq!(decode(&hex.to_uppercase()), Ok(header));
        }
    }

    #[test]
    fn only_160_hex_characters_are_a_header() {
        let good = MAINNET[1];
        for text in [
            "",
            &good[..158],
            &good[..159],
            &format!("{good}0"),
            &format!("{good}00"),
            &format!(" {}", &good[1..]),
            &good.replace('a', "g"),
            &"é".repeat(80),
        ] {
            assert_eq!(decode(text), Err(HeaderError), "{text}");
        }
    }

    #[test]
    fn both_forms_of_a_run_are_read_alike() {
        let list = REGTEST.map(str::to_owned);
        let headers = parse_run(&RunForm::List(&list)).expect("a run");
        assert_eq!(headers.len(), 3);
        assert_eq!(parse_run(&RunForm::Hex(&REGTEST.concat())), Ok(headers));
        assert_eq!(parse_run(&RunForm::Hex("")), Ok(Vec::new()));
        assert_eq!(parse_run(&RunForm::List(&[])), Ok(Vec::new()));
    }

    #[test]
    fn a_bad_run_is_refused_with_the_place() {
        let run = REGTEST.concat();
        assert_eq!(parse_run(&RunForm::Hex(&run[..479])), Err(RunError::Ragged { length: 479 }));
        let spoilt = format!("{}zz{}", &run[..330], &run[332..]);
        assert_eq!(parse_run(&RunForm::Hex(&spoilt)), Err(RunError::Header { index: 2 }));
        // A character across the border between two headers.
        let split = format!("{}é{}", &run[..159], &run[161..]);
        assert_eq!(parse_run(&RunForm::Hex(&split)), Err(RunError::Header { index: 0 }));
        let list = [REGTEST[0].to_owned(), format!("{}00", REGTEST[1])];
        assert_eq!(parse_run(&RunForm::List(&list)), Err(RunError::Header { index: 1 }));
    }

    #[test]
    fn a_run_has_an_end() {
        let full = REGTEST[0].repeat(MAX_RUN);
        assert_eq!(parse_run(&RunForm::Hex(&full)).map(|run| run.len()), Ok(MAX_RUN));
        let over = REGTEST[0].repeat(MAX_RUN + 1);
        assert_eq!(parse_run(&RunForm::Hex(&over)), Err(RunError::TooLong));
        assert_eq!(parse_run(&RunForm::List(&vec![String::new(); MAX_RUN + 1])), Err(RunError::TooLong));
    }

    proptest! {
        #[test]
        fn any_80_bytes_are_a_header_and_come_back(bytes in vec(any::<u8>(), 80)) {
            let header = decode(&HEXLOWER.encode(&bytes)).expect("a header");
            prop_assert_eq!(consensus::serialize(&header), bytes);
        }

        #[test]
        fn garbage_never_panics(text in "\\PC{0,400}|[0-9a-f]{0,400}", texts in vec("\\PC{0,170}", 0..4)) {
            let _ = decode(&text);
            let _ = parse_run(&RunForm::Hex(&text));
            let _ = parse_run(&RunForm::List(&texts));
        }
    }
}
