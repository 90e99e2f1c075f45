//! Who is paid and who spends before the world begins: scripts with histories of known lengths, and the test wallet.

use std::collections::HashMap;

use bitcoin::ScriptBuf;

use super::{
    lock::{Kind, Lock},
    plan::{BARREN, ChainPlan},
    wallet::{self, Branch, Event},
};
use crate::chance::Chance;

/// Something that happens to a script. Scripts are named by their place in [`Diary::locks`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Touch {
    /// It is paid so many satoshi.
    Paid { script: usize, value: u64 },
    /// Its oldest coin is spent, and change goes to another script or to nobody in particular.
    Spends { script: usize, change: Option<usize> },
}

impl Touch {
    pub(super) fn script(self) -> usize {
        match self {
            Self::Paid { script, .. } | Self::Spends { script, .. } => script,
        }
    }
}

/// A script whose history has a known length when the world begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownScript {
    /// Its type.
    pub kind: Kind,
    /// The number of transactions that concern it.
    pub history: usize,
    /// The output script.
    pub script: ScriptBuf,
}

/// What happens at which height.
#[derive(Debug)]
pub(super) struct Diary {
    pub(super) locks: Vec<Lock>,
    pub(super) known: Vec<KnownScript>,
    touches: HashMap<u32, Vec<Touch>>,
}

impl Diary {
    pub(super) fn new(plan: &ChainPlan, [receive, change]: [Vec<Lock>; 2]) -> Self {
        let mut chance = Chance::new(plan.seed, "diary", &[]);
        let span = f64::from(plan.blocks - BARREN);
        // The moment of each touch, in blocks since there are coins to spend.
        let mut touches: Vec<(f64, Touch)> = Vec::new();

        let branch = |branch, index| index + if branch == Branch::Change { receive.len() } else { 0 };
        let mut locks: Vec<Lock> = receive.iter().chain(&change).copied().collect();
        for (number, event) in wallet::PAST.into_iter().enumerate() {
            let touch = match event {
                Event::Paid(index, value) => Touch::Paid { script: branch(Branch::Receive, index), value },
                Event::Spent { from: (side, index), change } => Touch::Spends {
                    script: branch(side, index),
                    change: Some(branch(Branch::Change, change)),
                },
            };
            touches.push(((number as f64 + 0.5) / wallet::PAST.len() as f64 * span, touch));
        }

        let mut known = Vec::new();
        for kind in Kind::ALL {
            for &history in &plan.histories {
                let script = locks.len();
                let lock = Lock::fresh(kind, &mut chance);
                known.push(KnownScript { kind, history, script: lock.script() });
                locks.push(lock);
                for number in 0..history {
                    let moment = (number as f64 + chance.unit()) / history as f64 * span;
                    let touch = if number % 3 == 2 {
                        Touch::Spends { script, change: None }
                    } else {
                        Touch::Paid { script, value: 20_000 + chance.below(2_000_000) }
                    };
                    touches.push((moment, touch));
                }
            }
        }
        Self { locks, known, touches: by_height(touches) }
    }

    /// What happens in the block at a height, in its order.
    pub(super) fn at(&self, height: u32) -> &[Touch] {
        self.touches.get(&height).map_or(&[], Vec::as_slice)
    }
}

fn by_height(mut touches: Vec<(f64, Touch)>) -> HashMap<u32, Vec<Touch>> {
    touches.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut heights = HashMap::<u32, Vec<Touch>>::new();
    let mut height = BARREN + 1;
    for (moment, touch) in touches {
        while f64::from(height - BARREN) <= moment {
            height += 1;
        }
        heights.entry(height).or_default().push(touch);
    }
    heights
}
