//! A node's mempool at one moment.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use bitcoin::{OutPoint, Txid};
use electrum::proof::ScriptHash;

use super::{MempoolEntry, MempoolItem, NodePlan, Unspent, tip::Tip};
use crate::{
    SimTime,
    chain::{CROWD_WAITS, Chain, Payment, Place, patience},
};

/// What the mempool changes about a script.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) items: Vec<MempoolItem>,
    /// Outputs that the mempool makes, spent ones among them.
    pub(super) made: Vec<Unspent>,
    /// In satoshi.
    pub(super) net: i64,
}

/// A mempool that is put together when somebody asks what is in it, which few do. Fewer ask for all of it, and not only
/// for what concerns a script: the crowd, which concerns nobody, is looked through for them alone.
#[derive(Debug)]
pub(super) struct Mempool {
    plan: NodePlan,
    chain: Arc<Chain>,
    tip: Tip,
    now: SimTime,
    pool: OnceLock<Pool>,
    entries: OnceLock<Vec<MempoolEntry>>,
}

impl Mempool {
    pub(super) fn new(plan: NodePlan, chain: Arc<Chain>, tip: Tip, now: SimTime) -> Self {
        Self { plan, chain, tip, now, pool: OnceLock::new(), entries: OnceLock::new() }
    }

    pub(super) fn get(&self) -> &Pool {
        self.pool.get_or_init(|| Pool::at(&self.plan, &self.chain, self.tip, self.now))
    }

    /// Everything in it, the highest feerate first.
    pub(super) fn entries(&self) -> &[MempoolEntry] {
        self.entries.get_or_init(|| self.get().with_crowd(&self.plan, &self.chain, self.tip, self.now))
    }

    /// What it changes about a script. What it holds will all be on the chain, where its script is known.
    pub(super) fn change(&self, script: &ScriptHash) -> Option<&Change> {
        self.chain.trunk.account(script)?;
        self.get().scripts.get(script)
    }
}

/// What a mempool holds that will be on the chain.
#[derive(Debug, Default)]
pub(super) struct Pool {
    entries: Vec<MempoolEntry>,
    /// Where on the chain its transactions will be.
    places: HashMap<Txid, Place>,
    scripts: HashMap<ScriptHash, Change>,
    spent: HashSet<OutPoint>,
}

impl Pool {
    pub(super) fn at(plan: &NodePlan, chain: &Chain, tip: Tip, now: SimTime) -> Self {
        let mut pool = Self::default();
        for (payment, place, born) in pending(chain, tip.trunk, now) {
            if plan.notices(born) <= now && tip.place(chain, &payment.txid).is_none() {
                pool.admit(plan, chain, tip, payment, place);
            }
        }
        for change in pool.scripts.values_mut() {
            change.items.sort_by_key(|item| item.txid);
        }
        pool
    }

    /// With what never will be, the highest feerate first.
    fn with_crowd(&self, plan: &NodePlan, chain: &Chain, tip: Tip, now: SimTime) -> Vec<MempoolEntry> {
        let mut entries = self.entries.clone();
        for height in (tip.trunk + 1).saturating_sub(CROWD_WAITS)..=tip.trunk + 1 {
            for stranger in chain.crowd(height).iter() {
                let here = stranger.gone > tip.height() && plan.notices(stranger.born) <= now;
                if here && plan.takes(&stranger.txid, stranger.feerate) {
                    let (txid, feerate, vsize) = (stranger.txid, stranger.feerate, stranger.vsize);
                    entries.push(MempoolEntry { txid, feerate, vsize });
                }
            }
        }
        entries.sort_by(|one, other| {
            other.feerate.total_cmp(&one.feerate).then_with(|| one.txid.cmp(&other.txid))
        });
        entries
    }

    /// When the next transaction that concerns a script may come in, up to a moment.
    pub(super) fn next(
        plan: &NodePlan,
        chain: &Chain,
        tip: Tip,
        now: SimTime,
        until: SimTime,
    ) -> Option<SimTime> {
        let coming = pending(chain, tip.trunk, until).filter(|(payment, ..)| {
            plan.takes(&payment.txid, payment.feerate()) && tip.place(chain, &payment.txid).is_none()
        });
        coming.map(|(_, _, born)| plan.notices(born)).filter(|moment| (now..until).contains(moment)).min()
    }

    /// Takes a transaction in, unless the node refuses it or lacks what it spends.
    fn admit(&mut self, plan: &NodePlan, chain: &Chain, tip: Tip, payment: &Payment, place: Place) {
        let Payment { txid, fee, vsize, .. } = *payment;
        let parents = payment.transaction.input.iter().map(|input| input.previous_output.txid);
        let unconfirmed: Vec<Txid> = parents.filter(|parent| tip.place(chain, parent).is_none()).collect();
        let known = unconfirmed.iter().all(|parent| self.places.contains_key(parent));
        if !known || !plan.takes(&txid, payment.feerate()) {
            return;
        }
        self.places.insert(txid, place);
        self.entries.push(MempoolEntry { txid, feerate: payment.feerate(), vsize });
        let item = MempoolItem { txid, height: if unconfirmed.is_empty() { 0 } else { -1 }, fee };
        for (outpoint, script, value) in payment.spent() {
            self.spent.insert(outpoint);
            self.concern(script, item).net -= value.cast_signed();
        }
        for (outpoint, script, value) in payment.made() {
            let change = self.concern(script, item);
            change.net += value.cast_signed();
            change.made.push(Unspent { txid, vout: outpoint.vout, height: 0, value });
        }
    }

    fn concern(&mut self, script: ScriptHash, item: MempoolItem) -> &mut Change {
        let change = self.scripts.entry(script).or_default();
        if change.items.last() != Some(&item) {
            change.items.push(item);
        }
        change
    }

    pub(super) fn place(&self, txid: &Txid) -> Option<Place> {
        self.places.get(txid).copied()
    }

    pub(super) fn spends(&self, outpoint: &OutPoint) -> bool {
        self.spent.contains(outpoint)
    }
}

/// The payments of blocks above a height that somebody may have heard of by a moment, each with its place and the
/// moment it was first heard of.
fn pending(chain: &Chain, above: u32, until: SimTime) -> impl Iterator<Item = (&Payment, Place, SimTime)> {
    let wait = patience(chain.plan());
    let near = (above + 1..=chain.last())
        .take_while(move |height| chain.found(*height).is_some_and(|found| found - wait <= until));
    near.flat_map(|height| {
        (1..)
            .zip(chain.arrivals(height))
            .map(move |(position, (payment, born))| (payment, Place { height, position }, born))
    })
}
