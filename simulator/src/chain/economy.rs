//! Who pays whom: transactions out of coins that exist, block after block.

use std::collections::VecDeque;

use bitcoin::{
    Amount, OutPoint, Sequence, Transaction, TxIn, TxOut, absolute::LockTime, transaction::Version,
};
use electrum::proof::ScriptHash;

use super::{
    climate,
    diary::{Diary, Touch},
    lock::{Kind, Lock},
    plan::{BARREN, ChainPlan},
    segment::Payment,
};
use crate::chance::{Chance, whole};

/// Coins below this are left alone, in satoshi.
const SMALLEST: u64 = 50_000;
/// What a transaction has at least beside what its diary wants paid, in satoshi: for its fee and its change.
const MARGIN: u64 = 100_000;
/// The largest payment that is nobody's in particular, in satoshi.
const LARGEST: u64 = 200_000_000;
/// Blocks hold from 5 to 13 transactions, or more where the diary has more.
const FEWEST: usize = 5;
const SPREAD: usize = 9;
/// Thin blocks hold 1 or 2.
const THIN: usize = 2;
/// So many coins are enough: beyond that some transactions gather them.
const ENOUGH: usize = 400;
/// So few coins are scarce: change is spent again in the same block.
const SCARCE: usize = 20;
/// How often change goes back to where its coin was: that is how most addresses come to have a history.
const RETURNED: f64 = 0.6;

#[derive(Clone, Copy)]
struct Coin {
    outpoint: OutPoint,
    value: u64,
    lock: Lock,
    script: ScriptHash,
    /// Whether change may go back to its script. Those of miners and of the diary have histories of known lengths.
    takes_change: bool,
}

/// Where an output's coin goes.
#[derive(Clone, Copy)]
enum To {
    /// A script of the diary.
    Script(usize),
    /// Somebody who spends it sooner or later; `at_once` even in the same block.
    Somebody { at_once: bool },
    /// Somebody who keeps it.
    Hoarder,
}

struct Output {
    lock: Lock,
    value: u64,
    to: To,
}

/// The coins of all who spend.
pub(super) struct Economy<'a> {
    plan: &'a ChainPlan,
    diary: &'a Diary,
    /// Coins of scripts of the diary, by script, the oldest first.
    held: Vec<VecDeque<Coin>>,
    /// Coins that anybody may spend now.
    purse: Vec<Coin>,
    /// Coinbases, the oldest first, which may not be spent yet.
    young: VecDeque<Coin>,
}

impl<'a> Economy<'a> {
    pub(super) fn new(plan: &'a ChainPlan, diary: &'a Diary) -> Self {
        let held = vec![VecDeque::new(); diary.locks.len()];
        Self { plan, diary, held, purse: Vec::new(), young: VecDeque::new() }
    }

    /// What is paid in the block at a height. Heights come one after the other.
    pub(super) fn block(&mut self, height: u32) -> Vec<Payment> {
        if height < BARREN {
            return Vec::new();
        }
        self.purse.extend(self.young.pop_front());
        let mut chance = Chance::new(self.plan.seed_at(height), "payments", &[height.into()]);
        let usual = climate::feerate(self.plan.seed, height);
        let (fewest, spread) = if self.plan.is_thin(height) { (1, THIN) } else { (FEWEST, SPREAD) };
        let others = fewest + chance.index(spread);
        let mut later = Vec::new();
        let payments = errands(self.diary.at(height), others, &mut chance)
            .into_iter()
            .filter_map(|errand| self.pay(&errand, usual, &mut chance, &mut later))
            .collect();
        self.purse.extend(later);
        payments
    }

    /// A block's coinbase will be spent when it may be.
    pub(super) fn reward(&mut self, coinbase: &Payment, miner: Lock) {
        let first = coinbase.made().next();
        self.young.extend(first.map(|(outpoint, script, value)| Coin {
            outpoint,
            value,
            lock: miner,
            script,
            takes_change: false,
        }));
    }

    fn pay(
        &mut self,
        errand: &[Touch],
        usual: f64,
        chance: &mut Chance,
        later: &mut Vec<Coin>,
    ) -> Option<Payment> {
        let inputs = self.inputs(errand, chance)?;
        let funds: u64 = inputs.iter().map(|coin| coin.value).sum();
        let (mut outputs, change) = self.outputs(errand, &inputs, funds, chance);
        let mut transaction = unsigned(&outputs);
        transaction.input = inputs.iter().map(|coin| spend(coin, chance)).collect();
        let fee = whole(climate::offer(usual, chance) * transaction.vsize() as f64);
        outputs[change].value -= fee.min(outputs[change].value / 2);
        transaction.output[change].value = Amount::from_sat(outputs[change].value);

        let payment =
            Payment::new(transaction, inputs.iter().map(|coin| (coin.script, coin.value)).collect());
        for (output, (outpoint, script, value)) in outputs.iter().zip(payment.made()) {
            let takes_change = !matches!(output.to, To::Script(_));
            let coin = Coin { outpoint, value, lock: output.lock, script, takes_change };
            match output.to {
                To::Script(number) => self.held[number].push_back(coin),
                To::Somebody { .. } if value < SMALLEST => {}
                To::Somebody { at_once: true } => self.purse.push(coin),
                To::Somebody { at_once: false } => later.push(coin),
                To::Hoarder => {}
            }
        }
        Some(payment)
    }

    /// Coins that suffice. None where there are not enough, which only very young chains know.
    fn inputs(&mut self, errand: &[Touch], chance: &mut Chance) -> Option<Vec<Coin>> {
        let (mut inputs, mut need) = (Vec::new(), MARGIN);
        for touch in errand {
            match *touch {
                Touch::Paid { value, .. } => need += value,
                Touch::Spends { script, .. } => inputs.extend(self.held[script].pop_front()),
            }
        }
        let mut funds: u64 = inputs.iter().map(|coin| coin.value).sum();
        let gathered = errand.is_empty() && self.purse.len() > ENOUGH && chance.happens(0.1);
        let wanted = if gathered { 4 + chance.index(12) } else { 0 };
        while funds < need || inputs.len() < wanted {
            if self.purse.is_empty() {
                self.purse.append(&mut inputs);
                return None;
            }
            // Who was just paid pays on more often than others: such payments wait for a block on top of each other.
            let latest = self.purse.len() - 1;
            let chosen = if chance.happens(0.2) { latest } else { chance.index(latest + 1) };
            let coin = self.purse.swap_remove(chosen);
            funds += coin.value;
            inputs.push(coin);
        }
        Some(inputs)
    }

    /// What is paid, and which of the outputs is the change that the fee comes out of.
    fn outputs(
        &self,
        errand: &[Touch],
        inputs: &[Coin],
        funds: u64,
        chance: &mut Chance,
    ) -> (Vec<Output>, usize) {
        let (mut outputs, mut change_to) = (Vec::new(), None);
        for touch in errand {
            match *touch {
                Touch::Paid { script, value } => outputs.push(self.to_script(script, value)),
                Touch::Spends { change, .. } => change_to = change_to.or(change),
            }
        }
        let mut rest = funds - outputs.iter().map(|output| output.value).sum::<u64>();
        let others = match outputs.len() {
            0 if chance.happens(0.04) => 3 + chance.below(20),
            0 => 1,
            _ => u64::from(chance.happens(0.3)),
        };
        for _ in 0..others {
            let share = rest as f64 * (0.05 + 0.5 * chance.unit()) / others as f64;
            let value = whole(share).min(LARGEST);
            rest -= value;
            let to = if chance.happens(0.85) { To::Somebody { at_once: false } } else { To::Hoarder };
            outputs.push(Output { lock: Lock::fresh(Kind::usual(chance), chance), value, to });
        }
        let change = change_to.map_or_else(
            || {
                let at_once = self.purse.len() < SCARCE || chance.happens(0.12);
                let lock = match inputs.first() {
                    Some(coin) if coin.takes_change && chance.happens(RETURNED) => coin.lock,
                    _ => Lock::fresh(Kind::usual(chance), chance),
                };
                Output { lock, value: rest, to: To::Somebody { at_once } }
            },
            |script| self.to_script(script, rest),
        );
        let place = chance.index(outputs.len() + 1);
        outputs.insert(place, change);
        (outputs, place)
    }

    fn to_script(&self, script: usize, value: u64) -> Output {
        Output { lock: self.diary.locks[script], value, to: To::Script(script) }
    }
}

/// What each transaction of a block has to do. Most of the diary's touches go together by two; change that belongs
/// to a script has a transaction of its own; and others pay in between, until there are so many in all.
fn errands(touches: &[Touch], all: usize, chance: &mut Chance) -> Vec<Vec<Touch>> {
    let alone = |touch: &Touch| matches!(touch, Touch::Spends { change: Some(_), .. });
    let mut errands: Vec<Vec<Touch>> = Vec::new();
    for touch in touches {
        match errands.last_mut().map(Vec::as_mut_slice) {
            Some([only]) if only.script() != touch.script() && !alone(only) && !alone(touch) => {
                let pair = vec![*only, *touch];
                errands.pop();
                errands.push(pair);
            }
            _ => errands.push(vec![*touch]),
        }
    }
    for _ in errands.len()..all {
        errands.insert(chance.index(errands.len() + 1), Vec::new());
    }
    errands
}

fn unsigned(outputs: &[Output]) -> Transaction {
    let output = |output: &Output| TxOut {
        value: Amount::from_sat(output.value),
        script_pubkey: output.lock.script(),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: Vec::new(),
        output: outputs.iter().map(output).collect(),
    }
}

fn spend(coin: &Coin, chance: &mut Chance) -> TxIn {
    let (script_sig, witness) = coin.lock.unlock(chance);
    TxIn { previous_output: coin.outpoint, script_sig, sequence: Sequence::ENABLE_RBF_NO_LOCKTIME, witness }
}
