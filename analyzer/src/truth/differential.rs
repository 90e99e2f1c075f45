//! Whether two arms of twin visits are answered differently: a sequential test.
//!
//! Each whole series A B B A is a bet against "the arms make no difference". It pays where each arm agrees with
//! itself and not with the other, costs where an arm does not agree with itself, and is drawn where all agree. The
//! payoffs are fair or worse if the four visits are drawn alike and independently from whatever the server does, so
//! that the capital is an e-value: the chance that it ever reaches [`LIMIT`], however often one looks, is at most one
//! in as much (Ville's inequality).
//!
//! How likely noise looks like a difference depends on how often honest servers vary, which is assumed for each class
//! of questions: [`rate`]. The capitals of the classes are averaged, which is an e-value again whatever they have to
//! do with each other (Vovk and Wang 2021).

use model::{finding::Indicator, purpose::Factor};

use super::Contradiction;
use crate::{
    dossier::Dossier,
    features::twins::{Class, Compared},
    server::Server,
};

/// The capital at which a difference is found: false alarms are fewer than one in so many, for each factor of a
/// server.
const LIMIT: f64 = 50.0;
/// What a noisy series leaves of the capital.
const NOISE: f64 = 1.0 / 6.0;

/// The share of visits, at the most, in which an honest server answers otherwise than usual. Half is the worst there
/// is: two machines behind one name that always differ, and chance decides which one answers.
const fn rate(class: Class) -> f64 {
    match class {
        Class::Buried => 0.02,
        Class::Presented | Class::Service => 0.5,
    }
}

/// By how much a series multiplies the capital whose arms are apart: the most that keeps the bet fair where honest
/// visits differ at this rate. At lower ones it is worse than fair, as a test checks.
fn payoff(rate: f64) -> f64 {
    let [alike, apart, noisy] = chances(rate);
    (1.0 - alike - NOISE * noisy) / apart
}

/// How probable it is by chance that the four visits of a series are alike, that the arms are apart, and that an arm
/// does not agree with itself.
fn chances(rate: f64) -> [f64; 3] {
    let usual = 1.0 - rate;
    let (alike, apart) = (rate.powi(4) + usual.powi(4), 2.0 * (rate * usual).powi(2));
    [alike, apart, 1.0 - alike - apart]
}

/// The share of the capital that is bet on a class. What users lose coins by has most of it.
const fn share(class: Class) -> f64 {
    match class {
        Class::Buried => 0.75,
        Class::Presented | Class::Service => 0.125,
    }
}

/// Factors of which the arms differ, with what is found by them. Who offers other protocol versions is honestly
/// answered otherwise.
const FACTORS: [(Factor, Indicator, &str); 4] = [
    (Factor::ElectrumName, Indicator::new(13), "a client named as the Electrum wallet"),
    (Factor::SparrowName, Indicator::new(13), "a client named as the Sparrow wallet"),
    (Factor::BlueWalletName, Indicator::new(13), "a client named as the BlueWallet wallet"),
    (Factor::AddressFamily, Indicator::new(14), "a client over IPv6"),
];

/// Factors that make a difference.
pub(super) fn apart(dossier: &Dossier) -> impl Iterator<Item = Contradiction> + use<'_> {
    FACTORS.into_iter().filter_map(|(factor, indicator, whom)| {
        let (class, most) = told_by(dossier, factor)?;
        let question = most.question?;
        let what = match class {
            Class::Service => "whether it answered was different",
            Class::Buried | Class::Presented => "what it told was different",
        };
        Some(Contradiction {
            indicator,
            statement: format!(
                "In {} of {} series of four visits {what} for {whom}, each way of asking agreeing with itself; for \
                 example {question}.",
                most.apart, most.series,
            ),
            evidence: most.evidence.clone(),
        })
    })
}

/// Factors that make a difference at one address of a server and none at another, which is a difference by address.
pub(super) fn apart_by_address(server: &Server<'_>) -> Vec<Contradiction> {
    let mut all = Vec::new();
    for (factor, _, whom) in FACTORS {
        let mut hosts = server.hosts.iter();
        let apart = hosts.find_map(|(host, dossier)| Some((host, dossier, told_by(dossier, factor)?.0)));
        let Some((here, dossier, class)) = apart else { continue };
        let alike = server.hosts.iter().find(|(_, dossier)| {
            let mut compared = dossier.twins.compared(factor).filter(|(of, _)| *of == class);
            compared.any(|(_, compared)| compared.apart == 0 && compared.series > compared.noisy)
        });
        let Some((there, _)) = alike else { continue };
        let evidence = dossier.twins.compared(factor).flat_map(|(_, compared)| compared.evidence.clone());
        all.push(Contradiction {
            indicator: Indicator::new(14),
            statement: format!("At {here} {whom} is told something else, at {there} it is not."),
            evidence: evidence.collect(),
        });
    }
    all.retain(|contradiction| !contradiction.evidence.is_empty());
    all
}

/// The class of questions that tells most of a factor, where all bets on it together find that it makes a difference.
fn told_by(dossier: &Dossier, factor: Factor) -> Option<(Class, &Compared)> {
    let compared = || dossier.twins.compared(factor);
    let total: f64 = compared().map(|(class, compared)| share(class) * capital(class, compared)).sum();
    let most =
        compared().max_by(|(a, one), (b, other)| f64::total_cmp(&capital(*a, one), &capital(*b, other)))?;
    (total >= LIMIT).then_some(most)
}

/// What is left of a capital of one.
fn capital(class: Class, compared: &Compared) -> f64 {
    // By its logarithm, which no number of series drives beyond what a float holds.
    (f64::from(compared.apart) * payoff(rate(class)).ln() + f64::from(compared.noisy) * NOISE.ln()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bet_is_better_than_fair() {
        for class in Class::ALL {
            let most = rate(class);
            for step in 0..=1_000 {
                let [alike, apart, noisy] = chances(most * f64::from(step) / 1_000.0);
                let expected = alike + payoff(most) * apart + NOISE * noisy;
                assert!(expected < 1.0 + 1e-9, "{class:?}: {expected} after {step}");
            }
        }
        assert!((Class::ALL.map(share).iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_series_is_enough_for_the_chain_and_four_for_the_rest() {
        let after = |class, apart, noisy| {
            share(class) * capital(class, &Compared { series: 9, apart, noisy, ..Compared::default() })
        };
        assert!(after(Class::Buried, 1, 0) > LIMIT && after(Class::Buried, 1, 1) < LIMIT);
        assert!(after(Class::Buried, 2, 2) > LIMIT);
        for class in [Class::Presented, Class::Service] {
            assert!(after(class, 3, 0) < LIMIT && after(class, 4, 0) > LIMIT);
        }
        assert!(Class::ALL.iter().all(|class| !after(*class, u32::MAX, u32::MAX).is_nan()));
    }
}
