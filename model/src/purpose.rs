//! What a visit was for, and, where it is one of a series, which. Recorded so that visits are only compared
//! with their like; it decides nothing.

use electrum::{Endpoint, tls};
use serde::{Deserialize, Serialize};

/// What a visit was for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Purpose {
    /// Who is there, which chain, how fast.
    #[default]
    Light,
    /// Everything there is to ask in one session.
    Deep,
    /// How it takes a first message that is not the usual one (H3, H4, H6).
    Opening,
    /// What it says to a client that greets with the name of an old wallet (E11).
    Disguised,
    /// How it takes what is no JSON (E9).
    ParseError,
    /// How it answers an unusual TLS hello (T4).
    TlsStack {
        /// The hello.
        hello: tls::Hello,
    },
    /// To be given a TLS session ticket, which is shown to others then (T5).
    Ticket,
    /// Whether it accepts the TLS session ticket of another endpoint, or of its own (T5).
    Resumption {
        /// Whose ticket it was offered.
        from: Endpoint,
    },
    /// One of two ways of visiting, to be compared (D1, D2).
    Twin(Twin),
    /// To find the objects that every server will be asked about.
    Objects,
    /// To listen (L1, L3 to L6).
    Watch,
}

impl Purpose {
    /// Whether a visit for this shows what a server is like, and not only how it takes one odd thing.
    #[must_use]
    pub fn describes(&self) -> bool {
        match self {
            Self::Light | Self::Deep | Self::Twin(_) | Self::Objects | Self::Watch => true,
            Self::Opening
            | Self::Disguised
            | Self::ParseError
            | Self::TlsStack { .. }
            | Self::Ticket
            | Self::Resumption { .. } => false,
        }
    }

    /// The name in files and tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Deep => "deep",
            Self::Opening => "opening",
            Self::Disguised => "disguised",
            Self::ParseError => "parse-error",
            Self::TlsStack { .. } => "tls-stack",
            Self::Ticket => "ticket",
            Self::Resumption { .. } => "resumption",
            Self::Twin(_) => "twin",
            Self::Objects => "objects",
            Self::Watch => "watch",
        }
    }

    /// Whether it is the usual visit, which files do not mention.
    pub(crate) fn is_light(&self) -> bool {
        *self == Self::Light
    }
}

/// One visit of a series of four, in the order A B B A, so that a drift of the server or the network weighs on
/// both arms alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twin {
    /// What differs between the arms.
    pub factor: Factor,
    /// Which arm this visit is.
    pub arm: Arm,
    /// The series it belongs to: the same for its four visits.
    pub series: u64,
    /// Its place in the series, from 0 to 3.
    pub place: u8,
}

/// What differs between the two arms of a series; everything else is alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// Our name, or that of the Electrum wallet.
    ElectrumName,
    /// Our name, or that of the Sparrow wallet.
    SparrowName,
    /// Our name, or that of the BlueWallet wallet.
    BlueWalletName,
    /// The usual range of protocol versions, or only the oldest.
    ProtocolRange,
    /// IPv4 or IPv6 (D2).
    AddressFamily,
}

/// One of the two ways of visiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// As usual; IPv4.
    A,
    /// Otherwise; IPv6.
    B,
}

impl Arm {
    /// The order of a series.
    pub const ORDER: [Self; 4] = [Self::A, Self::B, Self::B, Self::A];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_read_well_in_files() {
        let twin = Purpose::Twin(Twin { factor: Factor::SparrowName, arm: Arm::B, series: 7, place: 1 });
        let from = "ssl://a.example:50002".parse().expect("an endpoint");
        for (purpose, text) in [
            (Purpose::TlsStack { hello: tls::Hello::Reversed }, r#"{"kind":"tls-stack","hello":"reversed"}"#),
            (Purpose::Disguised, r#"{"kind":"disguised"}"#),
            (twin, r#"{"kind":"twin","factor":"sparrow-name","arm":"b","series":7,"place":1}"#),
            (Purpose::Resumption { from }, r#"{"kind":"resumption","from":"ssl://a.example:50002"}"#),
        ] {
            assert_eq!(serde_json::to_string(&purpose).expect("writes"), text);
            assert!(text.contains(purpose.name()), "{text}");
            assert_eq!(serde_json::from_str::<Purpose>(text).expect("reads"), purpose);
        }
    }
}
