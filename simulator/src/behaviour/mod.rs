//! What servers do that honest ones do not, and a few things that honest ones do and that look bad.
//!
//! A behaviour changes what is seen ([`View::hiding`], [`Conduct::moment`]), what is told ([`Conduct::bend`]) or when
//! ([`Conduct::manner`]). It never writes bytes: a lie is told in the grammar of the liar. What needs no lie between
//! question and reply (peers of one's own, a borrowed name, a borrowed process) is decided by the world.

mod audience;

use std::{
    collections::HashSet,
    num::NonZeroU64,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bitcoin::Transaction;
use data_encoding::HEXLOWER_PERMISSIVE;
use electrum::proof::ScriptHash;
use serde::Deserialize;

pub use self::audience::Audience;
use crate::{
    SimTime,
    grammar::{Fault, Grammar, Question, Reply, decoded},
    hostile::Mischief,
    node::View,
};

/// Satoshi in a bitcoin.
const SATOSHI: f64 = 1e8;
/// Scripts that a server remembers to have been asked about.
const MOST_SEEN: usize = 100_000;

/// One thing that a server does.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Behaviour {
    /// Broadcasts are refused with this text, which wallets may show.
    Phishing {
        /// What the user is to read.
        text: String,
        /// Who gets to read it.
        #[serde(default)]
        to: Audience,
    },
    /// Successful broadcasts are answered with this text, as ElectrumX honestly does to clients with known holes.
    Warning {
        /// What the user is to read.
        text: String,
        /// Who gets to read it.
        #[serde(default)]
        to: Audience,
    },
    /// Broadcasts succeed, and nothing is relayed.
    FakeBroadcast {
        /// For whom.
        #[serde(default)]
        to: Audience,
    },
    /// Some confirmed transactions do not exist, and everything that is told agrees on that.
    Omission {
        /// One in so many transactions.
        one_in: NonZeroU64,
        /// For whom.
        #[serde(default)]
        to: Audience,
    },
    /// Histories lack some transactions; statuses, balances and outputs do not.
    CutHistory {
        /// One in so many transactions.
        one_in: NonZeroU64,
        /// For whom.
        #[serde(default)]
        to: Audience,
    },
    /// Outputs and balances are told so many times as large.
    InflatedValues {
        /// How many times.
        factor: u32,
        /// To whom.
        #[serde(default)]
        to: Audience,
    },
    /// Fees are estimated so many times as high, which wallets that believe it pay.
    InflatedFees {
        /// How many times.
        factor: u32,
        /// To whom.
        #[serde(default)]
        to: Audience,
    },
    /// The server stays where the world began, and answers all the same.
    FrozenTip,
    /// The first question about a script takes longer than the next.
    DelayUnseen {
        /// How much longer.
        millis: u64,
    },
    /// Every answer is late, and some never come.
    Overload {
        /// How late.
        millis: u64,
        /// One in so many questions is not answered.
        silent_one_in: NonZeroU64,
    },
    /// Everything is written down. Nobody can see that.
    PassiveLogger,
}

impl Behaviour {
    /// Its name, as scenarios and the truth have it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Phishing { .. } => "phishing",
            Self::Warning { .. } => "warning",
            Self::FakeBroadcast { .. } => "fake-broadcast",
            Self::Omission { .. } => "omission",
            Self::CutHistory { .. } => "cut-history",
            Self::InflatedValues { .. } => "inflated-values",
            Self::InflatedFees { .. } => "inflated-fees",
            Self::FrozenTip => "frozen-tip",
            Self::DelayUnseen { .. } => "delay-unseen",
            Self::Overload { .. } => "overload",
            Self::PassiveLogger => "passive-logger",
        }
    }
}

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// So many milliseconds later than it could.
    After(u64),
    Never,
}

/// Everything that one server does, and what it remembers for it. All its connections share it.
#[derive(Debug, Default)]
pub struct Conduct {
    behaviours: Vec<Behaviour>,
    mischief: Option<Mischief>,
    seen: Mutex<HashSet<ScriptHash>>,
    asked: AtomicU64,
}

impl Conduct {
    /// The conduct of a server that does all this. One that does nothing is honest.
    #[must_use]
    pub fn new(behaviours: Vec<Behaviour>) -> Self {
        Self { behaviours, ..Self::default() }
    }

    /// The same, with which it attacks its clients.
    #[must_use]
    pub fn attacking(self, mischief: Option<Mischief>) -> Self {
        Self { mischief, ..self }
    }

    /// How its clients are attacked; none by most.
    pub(crate) fn mischief(&self) -> Option<Mischief> {
        self.mischief
    }

    /// The moment that the server takes for the present.
    pub(crate) fn moment(&self, now: SimTime) -> SimTime {
        if self.behaviours.contains(&Behaviour::FrozenTip) { SimTime::START } else { now }
    }

    /// What a client is shown of what the node knows; none where that is everything.
    pub(crate) fn shown(&self, client: Option<&str>, view: &View) -> Option<View> {
        self.behaviours.iter().find_map(|behaviour| match behaviour {
            Behaviour::Omission { one_in, to } if to.includes(client) => Some(view.hiding(*one_in)),
            _ => None,
        })
    }

    /// What a client is told instead of the truth.
    pub(crate) fn bend(
        &self,
        client: Option<&str>,
        grammar: &Grammar,
        question: &Question,
        truth: Result<Reply, Fault>,
    ) -> Result<Reply, Fault> {
        self.behaviours.iter().fold(truth, |told, behaviour| behaviour.bend(client, grammar, question, told))
    }

    /// When a question is answered.
    pub(crate) fn manner(&self, question: &Question) -> Manner {
        let mut late = 0_u64;
        for behaviour in &self.behaviours {
            match behaviour {
                Behaviour::DelayUnseen { millis }
                    if question.script().is_some_and(|script| self.is_new(script)) =>
                {
                    late = late.saturating_add(*millis);
                }
                Behaviour::Overload { millis, silent_one_in } => {
                    let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
                    if asked.is_multiple_of(silent_one_in.get()) {
                        return Manner::Never;
                    }
                    late = late.saturating_add(*millis);
                }
                _ => {}
            }
        }
        Manner::After(late)
    }

    fn is_new(&self, script: ScriptHash) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.len() < MOST_SEEN && seen.insert(script)
    }
}

fn transaction(hex: &str) -> Option<Transaction> {
    decoded(&HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?)
}

impl Behaviour {
    fn bend(
        &self,
        client: Option<&str>,
        grammar: &Grammar,
        question: &Question,
        told: Result<Reply, Fault>,
    ) -> Result<Reply, Fault> {
        match (self, question, told) {
            (Self::Phishing { text, to }, Question::Broadcast { .. }, _) if to.includes(client) => {
                Err(Fault::refusing_a_transaction(grammar, text))
            }
            (Self::Warning { text, to }, Question::Broadcast { .. }, Ok(_)) if to.includes(client) => {
                Ok(Reply::Text(text.clone()))
            }
            (Self::FakeBroadcast { to }, Question::Broadcast { hex }, told) if to.includes(client) => {
                transaction(hex).map_or(told, |transaction| Ok(Reply::Txid(transaction.compute_txid())))
            }
            (Self::CutHistory { one_in, to }, _, Ok(Reply::History { mut confirmed, mempool }))
                if to.includes(client) =>
            {
                confirmed.retain(|item| !View::is_chosen(&item.txid, *one_in));
                Ok(Reply::History { confirmed, mempool })
            }
            (Self::InflatedValues { factor, to }, _, Ok(Reply::Unspent(mut outputs)))
                if to.includes(client) =>
            {
                for output in &mut outputs {
                    output.value = output.value.saturating_mul(u64::from(*factor));
                }
                Ok(Reply::Unspent(outputs))
            }
            (Self::InflatedValues { factor, to }, _, Ok(Reply::Balance { confirmed, unconfirmed }))
                if to.includes(client) =>
            {
                let (confirmed, unconfirmed) = (
                    confirmed.saturating_mul(u64::from(*factor)),
                    unconfirmed.saturating_mul(i64::from(*factor)),
                );
                Ok(Reply::Balance { confirmed, unconfirmed })
            }
            (Self::InflatedFees { factor, to }, Question::EstimateFee { .. }, Ok(Reply::Fee(fee)))
                if to.includes(client) =>
            {
                // Whole satoshi, as nodes have them.
                Ok(Reply::Fee((fee * f64::from(*factor) * SATOSHI).round() / SATOSHI))
            }
            (_, _, told) => told,
        }
    }
}
