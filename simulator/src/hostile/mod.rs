//! Servers that attack whoever talks to them. They speak as an implementation does; what they do beside that is one
//! [`Mischief`] each, so that whoever survives one is known to survive it.
//!
//! A mischief is done to bytes on their way out ([`Meddler`], over the tokens of [`json`] and with the texts of
//! [`poison`]), to the peers that are named ([`peers`]) or to the certificate that is shown ([`certificate`]). All of
//! it is pure; `serve` does what an [`Act`] says. Nothing here ever listens to what a client wants.

mod certificate;
mod json;
mod meddler;
mod peers;
mod poison;

use serde::Deserialize;

pub(crate) use self::{
    certificate::{chain_length, spoil},
    meddler::{Act, Meddler},
    peers::peers,
};

/// Declares the kinds with the names that scenarios and the truth have for them, and the list of all.
macro_rules! kinds {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $kind:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$what])* #[serde(rename = $text)] $kind,)* }

        impl $name {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name, as scenarios and the truth have it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $text,)* }
            }
        }
    };
}

kinds! {
    /// How a server attacks its clients.
    Mischief {
        /// Sends a blank in five seconds as soon as somebody connects, and never reads.
        TarpitAccept = "tarpit-accept",
        /// Sends its side of the TLS handshake a byte in five seconds.
        TarpitHandshake = "tarpit-handshake",
        /// Sends everything a byte in five seconds.
        TarpitGreeting = "tarpit-greeting",
        /// Greets, then sends everything a byte in five seconds.
        TarpitAnswers = "tarpit-answers",
        /// Greets, then sends a line that never ends.
        FloodLine = "flood-line",
        /// Greets, then answers what nobody asked, for ever.
        FloodAnswers = "flood-answers",
        /// Greets, then sends line ends for ever.
        FloodBlanks = "flood-blanks",
        /// Greets, then tells of blocks for ever, in lines of 64 KiB.
        FloodNotifications = "flood-notifications",
        /// Every result is lists in lists, 100,000 deep.
        DeepResult = "deep-result",
        /// Every answer is 100,000 opening brackets.
        DeepUnclosed = "deep-unclosed",
        /// Shows a chain of seventeen certificates of 60 kB.
        CertificateChain = "certificate-chain",
        /// Shows a certificate of 1,500 names.
        CertificateNames = "certificate-names",
        /// Names 40,000 peers, which is more than a line may have.
        PeerBomb = "peer-bomb",
        /// Names 6,000 peers, which a line may have.
        PeerCrowd = "peer-crowd",
        /// Names peers in private, link-local, multicast and metadata networks, and such as are no hosts at all.
        PeerPoison = "peer-poison",
        /// Terminal sequences, turned reading directions and invisible characters in every text, correctly escaped.
        TerminalEscapes = "terminal-escapes",
        /// Control characters in every text as raw bytes, which JSON forbids.
        RawControls = "raw-controls",
        /// What breaks HTML, Prometheus and Kubernetes labels, spreadsheets and paths, in every text.
        Markup = "markup",
        /// Bytes that are not UTF-8 in every text.
        WrongUtf8 = "wrong-utf8",
        /// Three thousand times the same letter in every text.
        Repetition = "repetition",
        /// Every number but the ids is one that no machine type holds, or just about.
        HugeNumbers = "huge-numbers",
        /// Every version and address has four hundred digits more.
        HugeVersions = "huge-versions",
        /// Resets the connection as soon as somebody connects.
        ResetAccept = "reset-accept",
        /// Resets it in the middle of the TLS handshake.
        ResetHandshake = "reset-handshake",
        /// Resets it instead of greeting.
        ResetGreeting = "reset-greeting",
        /// Resets it in the middle of the greeting.
        ResetInGreeting = "reset-in-greeting",
        /// Greets, and resets it instead of the next answer.
        ResetAfterGreeting = "reset-after-greeting",
        /// Greets, and resets it in the middle of the next answer.
        ResetInAnswer = "reset-in-answer",
        /// Resets it instead of the fifth answer.
        ResetAfterAnswers = "reset-after-answers",
        /// Answers what was asked together in the reverse order, which JSON-RPC allows.
        OutOfOrder = "out-of-order",
        /// Gives every answer twice.
        DuplicateIds = "duplicate-ids",
        /// Gives every answer under an id that nobody asked with.
        WrongIds = "wrong-ids",
        /// Before the first answer come sixteen to ids that nobody asked with.
        StrayAnswers = "stray-answers",
    }
}

impl Mischief {
    /// Whether it is done in the TLS handshake, so that a server without TLS would do nothing.
    #[must_use]
    pub const fn needs_tls(self) -> bool {
        matches!(
            self,
            Self::TarpitHandshake | Self::ResetHandshake | Self::CertificateChain | Self::CertificateNames
        )
    }
}
