//! What a server claims of itself, read from a visit's bytes. Claims, not findings: a server can say
//! anything here.

use electrum::{message::Answer, text::printable};
use serde::Serialize;

use crate::{seconds::Seconds, visit::Visit};

/// Longest text taken from a server, in characters.
const MAX_TEXT: usize = 200;

/// What one visit's answers claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The software, as `server.version` names it (H1); printable characters only.
    pub software: Option<String>,
    /// Lowest and highest protocol version: from `server.features` (M1), else the one agreed on (H1).
    pub protocol: Option<[String; 2]>,
    /// The best block (C1).
    pub tip: Option<Tip>,
    /// The quickest answer to a small request (H1, M5). The quickest, because newer ElectrumX delay
    /// answers on purpose.
    pub latency: Option<Seconds>,
}

/// A server's best block.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Tip {
    /// Height.
    pub height: u32,
    /// Hash of the header it sent, big-endian hex.
    pub hash: String,
}

impl Facts {
    /// Reads a visit.
    #[must_use]
    pub fn of(visit: &Visit) -> Self {
        let mut facts = Self::default();
        for exchange in &visit.exchanges {
            let Some(reply) = &exchange.answer else { continue };
            if matches!(&*exchange.probe, "H1" | "M5") {
                let took = std::time::Duration::from(reply.first_byte).saturating_sub(exchange.sent.into());
                facts.latency =
                    Some(facts.latency.map_or(took.into(), |best: Seconds| best.min(took.into())));
            }
            // Most answers claim nothing: they are not even read.
            let claims = matches!(&*exchange.probe, "H1" | "M1" | "C1");
            let answer = claims.then(|| Answer::read(reply.response.bytes())).flatten();
            let Some(answer) = answer else { continue };
            match &*exchange.probe {
                "H1" => facts.read_greeting(&answer),
                "M1" => facts.read_features(&answer),
                "C1" => facts.tip = read_tip(&answer),
                _ => {}
            }
        }
        facts
    }

    /// What several visits to one server claim together: of each fact the first that any visit tells,
    /// and the quickest answer.
    #[must_use]
    pub fn join(visits: impl IntoIterator<Item = Self>) -> Self {
        visits.into_iter().fold(Self::default(), |all, one| Self {
            software: all.software.or(one.software),
            protocol: all.protocol.or(one.protocol),
            tip: all.tip.or(one.tip),
            latency: match (all.latency, one.latency) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        })
    }

    fn read_greeting(&mut self, answer: &Answer<'_>) {
        if let Some((software, version)) = answer.result::<(String, String)>() {
            self.software = Some(printable(&software, MAX_TEXT));
            let version = printable(&version, 16);
            self.protocol.get_or_insert([version.clone(), version]);
        }
    }

    fn read_features(&mut self, answer: &Answer<'_>) {
        #[derive(serde::Deserialize)]
        struct Features {
            protocol_min: String,
            protocol_max: String,
        }
        if let Some(features) = answer.result::<Features>() {
            self.protocol =
                Some([printable(&features.protocol_min, 16), printable(&features.protocol_max, 16)]);
        }
    }
}

fn read_tip(answer: &Answer<'_>) -> Option<Tip> {
    answer.result::<Best>()?.tip()
}

/// How servers write their best block, in answers and in notifications.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Best {
    height: u32,
    hex: String,
}

impl Best {
    /// The block, where what was sent is a header.
    pub(crate) fn tip(&self) -> Option<Tip> {
        let header = electrum::proof::header::decode(&self.hex).ok()?;
        Some(Tip { height: self.height, hash: header.block_hash().to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::tests::example;

    #[test]
    fn a_visit_tells_what_the_server_claims() {
        let facts = Facts::of(&example());
        assert_eq!(facts.software.as_deref(), Some("ElectrumX 1.20.0"));
        assert_eq!(facts.protocol, Some(["1.4".to_owned(), "1.6.0".to_owned()]));
        assert_eq!(facts.latency.map(Seconds::as_millis), Some(10.0));
        assert_eq!(Facts::join([Facts::default(), facts.clone()]), facts);
        assert_eq!(Facts::join([]), Facts::default());
    }
}
