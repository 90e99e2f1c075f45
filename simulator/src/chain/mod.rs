//! One generated chain: the same to the byte for everybody who has its plan.
//!
//! It is made whole, from the first block to the last of the run, with the moment at which each block is found. So
//! what a node knows at a moment is a question of looking it up, and no two nodes can disagree about more than how
//! much of it they have seen. Consensus rules hold but for scripts: signatures have the right size and no more.

mod climate;
mod diary;
mod economy;
mod fork;
mod lock;
mod pending;
mod plan;
mod segment;
mod shared;
mod tree;
mod wallet;
mod work;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bitcoin::hashes::Hash as _;
use electrum::proof::ScriptHash;

use self::{diary::Diary, economy::Economy, fork::Beside, lock::Lock, pending::Crowds, work::Frame};
use crate::{SimTime, chance::Chance};

pub(crate) use self::{
    climate::{FLOOR, feerate},
    fork::Fork,
    pending::{CROWD_WAITS, Stranger, patience},
    segment::{Block, Coin, Payment, Place, Segment},
    tree::{Digest, Forest, branch},
};
pub use self::{
    diary::KnownScript,
    lock::Kind,
    plan::{ChainPlan, ForkPlan, Genesis, PlanError},
    shared::Chains,
    wallet::TestWallet,
};

/// A chain from its first block to the end of the run.
#[derive(Debug)]
pub struct Chain {
    plan: ChainPlan,
    pub(crate) trunk: Segment,
    pub(crate) forest: Forest,
    pub(crate) forks: Vec<Fork>,
    /// When blocks above the tip at the beginning are found.
    found: Vec<SimTime>,
    /// When the payments of those blocks are first heard of, the coinbases left out.
    born: Vec<Vec<SimTime>>,
    crowds: Crowds,
    scripts: Vec<KnownScript>,
    wallet: TestWallet,
}

impl Chain {
    /// Makes the chain of a plan.
    ///
    /// # Errors
    /// [`PlanError`] where there is no such chain.
    pub fn generate(plan: &ChainPlan) -> Result<Self, PlanError> {
        plan.check()?;
        let found = moments(plan);
        let keys = wallet::Keys::derive()?;
        let diary = Diary::new(plan, keys.locks());
        let trunk = trunk(plan, &diary, &found);
        let mut forest = Forest::default();
        for block in trunk.blocks() {
            forest.push(block.hash.to_byte_array());
        }
        let beside =
            Beside { seed: plan.seed, trunk: &trunk, blocks: plan.blocks, found: &found, start: plan.start };
        let forks = plan.forks.iter().map(|fork| beside.fork(*fork)).collect();
        let (balance, transactions) = holdings(&trunk, plan.blocks, &keys.locks());
        Ok(Self {
            born: births(plan, &trunk, &found),
            crowds: Crowds::default(),
            scripts: diary.known,
            wallet: keys.wallet(balance, transactions),
            plan: plan.clone(),
            trunk,
            forest,
            forks,
            found,
        })
    }

    /// What the chain was to be like.
    #[must_use]
    pub fn plan(&self) -> &ChainPlan {
        &self.plan
    }

    /// The height of the last block there will be.
    #[must_use]
    pub fn last(&self) -> u32 {
        self.plan.last()
    }

    /// When a block is found: at the beginning for those that were there already, and never beyond the last.
    #[must_use]
    pub fn found(&self, height: u32) -> Option<SimTime> {
        match height.checked_sub(self.plan.blocks + 1) {
            None => Some(SimTime::START),
            Some(index) => self.found.get(usize::try_from(index).ok()?).copied(),
        }
    }

    /// The height of the latest block found at a moment.
    #[must_use]
    pub fn height_found(&self, now: SimTime) -> u32 {
        let found = self.found.partition_point(|found| *found <= now);
        self.plan.blocks + u32::try_from(found).unwrap_or(self.plan.ahead)
    }

    /// The hash of the first block, as servers state it in `server.features` (big-endian hex).
    #[must_use]
    pub fn genesis_hash(&self) -> String {
        self.trunk.block(0).map(|block| block.hash.to_string()).unwrap_or_default()
    }

    /// Scripts whose histories have known lengths, by type and by length.
    #[must_use]
    pub fn scripts(&self) -> &[KnownScript] {
        &self.scripts
    }

    /// The wallet of a published test key, which real wallets can be given.
    #[must_use]
    pub fn test_wallet(&self) -> &TestWallet {
        &self.wallet
    }

    /// The payments of a block that is found during the run, each with the moment it is first heard of.
    pub(crate) fn arrivals(&self, height: u32) -> impl Iterator<Item = (&Payment, SimTime)> {
        let index = height.checked_sub(self.plan.blocks + 1).and_then(|index| usize::try_from(index).ok());
        let born = index.and_then(|index| self.born.get(index)).into_iter().flatten().copied();
        let payments = self.trunk.block(height).into_iter().flat_map(|block| block.payments.iter().skip(1));
        payments.zip(born)
    }

    /// The crowd that arrives between the block before a height and the block at it.
    pub(crate) fn crowd(&self, height: u32) -> Arc<[Stranger]> {
        let Some(until) = self.found(height) else { return Arc::new([]) };
        let since = height.checked_sub(1).and_then(|before| self.found(before)).unwrap_or_default();
        self.crowds.at(height, || pending::crowd(&self.plan, height, since, until))
    }
}

/// When the blocks of the run are found: as a Poisson process has it, for hashes have no memory.
fn moments(plan: &ChainPlan) -> Vec<SimTime> {
    let mut now = SimTime::START;
    let moment = |height: u32| {
        let chance = Chance::new(plan.seed_at(height), "found", &[height.into()]).unit();
        now = now + plan.interval.mul_f64(-(1.0 - chance).ln());
        now
    };
    (plan.blocks + 1..=plan.last()).map(moment).collect()
}

fn trunk(plan: &ChainPlan, diary: &Diary, found: &[SimTime]) -> Segment {
    let mut economy = Economy::new(plan, diary);
    let mut trunk = Segment::new(0);
    let first = plan.first_block();
    let payments = first.txdata.into_iter().map(|transaction| Payment::new(transaction, Vec::new()));
    let (mut parent, mut time) = (first.header.block_hash(), first.header.time);
    trunk.push(Block::new(&first.header, payments.collect()));

    let past = (1..=plan.blocks).map(|height| plan.start.saturating_sub((plan.blocks - height) * 600));
    let run = found.iter().map(|found| plan.start.saturating_add(found.whole_seconds()));
    for (height, due) in (1..).zip(past.chain(run)) {
        // No block may be older than the median of those before it.
        time = due.max(time + 1);
        let payments = economy.block(height);
        let mut chance = Chance::new(plan.seed_at(height), "coinbase", &[height.into()]);
        let miner = Lock::fresh(Kind::usual(&mut chance), &mut chance);
        let frame = Frame {
            parent,
            height,
            time,
            extra: chance.bytes(),
            miner: miner.script(),
            fees: payments.iter().map(|payment| payment.fee).sum(),
        };
        let (header, coinbase) = work::block(&frame, &payments);
        let coinbase = Payment::new(coinbase, Vec::new());
        economy.reward(&coinbase, miner);
        let block = Block::new(&header, std::iter::once(coinbase).chain(payments).collect());
        parent = block.hash;
        trunk.push(block);
    }
    trunk
}

fn births(plan: &ChainPlan, trunk: &Segment, found: &[SimTime]) -> Vec<Vec<SimTime>> {
    let mut known = HashMap::new();
    let birth = |(height, found): (u32, &SimTime)| {
        let payments = trunk.block(height).map_or(&[][..], |block| &block.payments[1..]);
        pending::births(plan, height, *found, payments, &mut known)
    };
    (plan.blocks + 1..).zip(found).map(birth).collect()
}

/// What locks hold at a height, in satoshi, and how many transactions concern them.
fn holdings(trunk: &Segment, tip: u32, locks: &[Vec<Lock>; 2]) -> (u64, usize) {
    let scripts = locks.iter().flatten().map(|lock| ScriptHash::of(&lock.script()));
    let (mut balance, mut places) = (0, HashSet::new());
    for account in scripts.filter_map(|script| trunk.account(&script)) {
        let unspent = account.coins.iter().filter(|coin| !trunk.spends(&coin.outpoint, tip));
        balance += unspent.map(|coin| coin.value).sum::<u64>();
        places.extend(account.places.iter().map(|place| (place.height, place.position)));
    }
    (balance, places.len())
}
