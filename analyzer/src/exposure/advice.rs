//! What follows for users, and the number on which each piece of advice rests.

use serde::Serialize;

use super::{Client, Course, Own, Padding, Wallet};

/// A piece of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// Have a server of one's own, and no other.
    OwnServer,
    /// With a server of one's own, others still see the wallet.
    OnlyOwnServer,
    /// Tor hides the address, not the wallet.
    Tor,
    /// Choose one server and keep it.
    KeepOne,
    /// Few operators hold most of the network.
    FewHands,
    /// Servers that do not pad tell those on the way more.
    Padding,
    /// What one server is told in one session.
    OneSession,
}

/// Advice with the number it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// Which.
    pub id: Advice,
    /// In plain words.
    pub text: String,
    /// The number it rests on.
    pub number: f64,
    /// What that is.
    pub unit: &'static str,
    /// How it is computed, in the words of docs/exposure.md.
    pub formula: &'static str,
}

/// Sessions after which advice speaks of what is known: once a day for a month.
const MONTH: usize = 30;

/// What follows from the figures.
pub(super) fn recommendations(courses: &[Course], wallet: &Wallet, padding: &Padding) -> Vec<Recommendation> {
    let course = |client, tor, own, switching: bool| {
        courses.iter().find(|course| {
            let setting = course.setting;
            (setting.client, setting.tor, setting.own) == (client, tor, own)
                && (setting.switching > 0.0) == switching
        })
    };
    let after = |values: &[f64]| values.get(MONTH - 1).copied().unwrap_or_default();
    let usual = course(Client::Electrum, false, Own::None, true);
    let steady = course(Client::Electrum, false, Own::None, false);
    let tor = course(Client::Electrum, true, Own::None, true);
    let own = course(Client::Electrum, false, Own::Main, false);
    let mut all = Vec::new();
    if let Some(usual) = usual {
        let number = after(&usual.distinct);
        all.push(Recommendation {
            id: Advice::OwnServer,
            text: format!(
                "Ask a server of your own. After 30 sessions {number:.1} operators know the addresses of an Electrum \
                 wallet that chooses by itself; with a server of your own nobody else does."
            ),
            number,
            unit: "operators",
            formula: "E[distinct operators] = Σ_k P_k(30), with 20 % switching, without Tor",
        });
        if let Some(first) = usual.operators.first() {
            let number = after(&first.learns);
            let hosts = if first.hosts == 1 { "host" } else { "hosts" };
            all.push(Recommendation {
                id: Advice::FewHands,
                text: format!(
                    "Do not take many servers for many operators. The one that meets most wallets has {} {hosts}, and \
                     knows {:.0} % of the wallets after 30 sessions.",
                    first.hosts,
                    number * 100.0
                ),
                number,
                unit: "probability",
                formula: "max_k P_k(30), with 20 % switching, without Tor",
            });
        }
    }
    if let Some(own) = own {
        let number = after(&own.present);
        all.push(Recommendation {
            id: Advice::OnlyOwnServer,
            text: format!(
                "With a server of your own, tell Electrum to use no other (`oneserver`). Else it still connects to nine \
                 others for block headers, and after 30 sessions {number:.1} operators have seen that the wallet is there."
            ),
            number,
            unit: "operators",
            formula: "E[operators connected to] = Σ_k [1 − Π_i (1 − r_k,i)] after 30 sessions",
        });
    }
    if let (Some(tor), Some(usual)) = (tor, usual) {
        let number = after(&tor.distinct);
        all.push(Recommendation {
            id: Advice::Tor,
            text: format!(
                "Tor hides where you are, not what you own. After 30 sessions {number:.1} operators know the addresses of \
                 the wallet, against {:.1} without Tor; one address that two of them, or two sessions, have in common \
                 shows that it is one wallet.",
                after(&usual.distinct)
            ),
            number,
            unit: "operators",
            formula: "E[distinct operators] = Σ_k P_k(30), through Tor, with 20 % switching",
        });
    }
    if let Some(steady) = steady {
        let number = after(&steady.distinct) - 1.0;
        all.push(Recommendation {
            id: Advice::KeepOne,
            text: format!(
                "Without a server of your own, choose one server and keep it. Electrum draws another at every start, so \
                 that after 30 sessions {number:.1} operators more know the wallet than need to."
            ),
            number,
            unit: "operators",
            formula: "E[distinct operators] − 1 after 30 sessions, without switching",
        });
    }
    all.push(Recommendation {
        id: Advice::OneSession,
        text: format!(
            "Keep apart in different wallets, opened apart, what nobody shall connect. One session tells the server that \
             {} addresses are one wallet's: {} pairs of them.",
            wallet.hashes, wallet.links
        ),
        number: wallet.links as f64,
        unit: "pairs of addresses",
        formula: "C(U + 30, 2) for U = 20 used addresses",
    });
    all.push(Recommendation {
        id: Advice::Padding,
        text: format!(
            "Prefer servers that pad their answers (ElectrumX 1.18 and later). Who sees encrypted traffic go by learns \
             {:.1} bits about the history of an address from the size of an answer, and {:.1} where it is padded; the \
             server that Electrum chooses pads in {:.0} % of sessions.",
            padding.unpadded_bits,
            padding.padded_bits,
            padding.padding_share * 100.0
        ),
        number: padding.leak_bits,
        unit: "bits",
        formula: "H(size class) unpadded − padded, over histories of 0 to 63 transactions",
    });
    all
}
