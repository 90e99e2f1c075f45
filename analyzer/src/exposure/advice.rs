//! What follows for users, and the number on which each piece of advice rests.

use serde::Serialize;

use super::{Client, Course, Own, Padding, Wallet};
use crate::text::plural;

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
    let course = |tor, own, switching: bool| {
        courses.iter().find(|course| {
            let setting = course.setting;
            (setting.client, setting.tor, setting.own) == (Client::Electrum, tor, own)
                && (setting.switching > 0.0) == switching
        })
    };
    let usual = course(false, Own::None, true);
    let through_tor = course(true, Own::None, true);
    let all = [
        usual.map(own_server),
        usual.and_then(few_hands),
        course(false, Own::Main, false).map(only_own_server),
        through_tor.zip(usual).map(|(through_tor, usual)| tor(through_tor, usual)),
        course(false, Own::None, false).map(keep_one),
        Some(one_session(wallet)),
        Some(pad(padding)),
    ];
    all.into_iter().flatten().collect()
}

fn after_a_month(values: &[f64]) -> f64 {
    values.get(MONTH - 1).copied().unwrap_or_default()
}

fn own_server(usual: &Course) -> Recommendation {
    let number = after_a_month(&usual.distinct);
    Recommendation {
        id: Advice::OwnServer,
        text: format!(
            "Ask a server of your own. After 30 sessions {number:.1} operators know the addresses of an Electrum \
             wallet that chooses by itself; with a server of your own nobody else does."
        ),
        number,
        unit: "operators",
        formula: "E[distinct operators] = Σ_k P_k(30), with 20 % switching, without Tor",
    }
}

fn few_hands(usual: &Course) -> Option<Recommendation> {
    let first = usual.operators.first()?;
    let number = after_a_month(&first.learns);
    Some(Recommendation {
        id: Advice::FewHands,
        text: format!(
            "Do not take many servers for many operators. The one that meets most wallets has {}, and knows {:.0} % of \
             the wallets after 30 sessions.",
            plural(first.hosts, "host"),
            number * 100.0
        ),
        number,
        unit: "probability",
        formula: "max_k P_k(30), with 20 % switching, without Tor",
    })
}

fn only_own_server(own: &Course) -> Recommendation {
    let number = after_a_month(&own.present);
    Recommendation {
        id: Advice::OnlyOwnServer,
        text: format!(
            "With a server of your own, tell Electrum to use no other (`oneserver`). Else it still connects to nine \
             others for block headers, and after 30 sessions {number:.1} operators have seen that the wallet is there."
        ),
        number,
        unit: "operators",
        formula: "E[operators connected to] = Σ_k [1 − Π_i (1 − r_k,i)] after 30 sessions",
    }
}

fn tor(through_tor: &Course, usual: &Course) -> Recommendation {
    let number = after_a_month(&through_tor.distinct);
    Recommendation {
        id: Advice::Tor,
        text: format!(
            "Tor hides where you are, not what you own. After 30 sessions {number:.1} operators know the addresses of \
             the wallet, against {:.1} without Tor; one address that two of them, or two sessions, have in common \
             shows that it is one wallet.",
            after_a_month(&usual.distinct)
        ),
        number,
        unit: "operators",
        formula: "E[distinct operators] = Σ_k P_k(30), through Tor, with 20 % switching",
    }
}

fn keep_one(steady: &Course) -> Recommendation {
    // Where nobody answers, nobody knows it: that is not one fewer than none.
    let number = (after_a_month(&steady.distinct) - 1.0).max(0.0);
    Recommendation {
        id: Advice::KeepOne,
        text: format!(
            "Without a server of your own, choose one server and keep it. Electrum draws another at every start, so \
             that after 30 sessions {number:.1} operators more know the wallet than need to."
        ),
        number,
        unit: "operators",
        formula: "E[distinct operators] − 1 after 30 sessions, without switching",
    }
}

fn one_session(wallet: &Wallet) -> Recommendation {
    Recommendation {
        id: Advice::OneSession,
        text: format!(
            "Keep apart in different wallets, opened apart, what nobody shall connect. One session tells the server that \
             {} addresses are one wallet's: {} pairs of them.",
            wallet.hashes, wallet.links
        ),
        number: wallet.links as f64,
        unit: "pairs of addresses",
        formula: "C(U + 30, 2) for U = 20 used addresses",
    }
}

fn pad(padding: &Padding) -> Recommendation {
    Recommendation {
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
    }
}
