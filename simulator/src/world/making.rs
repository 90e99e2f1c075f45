//! Nodes, chains and conducts out of drafts: each is made once, and several servers may use it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Calendar, WorldError, draft::Draft};
use crate::{
    behaviour::Conduct,
    chain::{Chain, ChainPlan, Chains, ForkPlan, Genesis},
    chance::Chance,
    node::{Node, NodePlan},
    scenario,
};

/// How often in a day some nodes see other blocks than others, unless the scenario says otherwise.
const FORKS: u32 = 2;
/// Blocks found in a day, in the mean.
const PER_DAY: u32 = 144;
/// Bitcoin Cash shares this much of its blocks with Bitcoin, about.
const SHARED: u32 = 600;

/// What is made once and used by several.
pub(super) struct Making<'d> {
    calendar: Calendar,
    forks_per_day: u32,
    drafts: &'d [Draft],
    nodes: BTreeMap<String, Arc<Node>>,
    /// Those of this world, which others that are made at once do not drive out.
    own: BTreeMap<scenario::Chain, Arc<Chain>>,
    chains: &'d Chains,
    processes: BTreeMap<String, Process>,
}

/// What answers.
#[derive(Clone, Debug)]
pub(super) struct Process {
    /// Who was first to need it, and speaks for all.
    pub(super) speaking: usize,
    pub(super) node: Arc<Node>,
    pub(super) conduct: Arc<Conduct>,
    /// The conduct at further addresses, where that differs.
    pub(super) elsewhere: Option<Arc<Conduct>>,
}

impl<'d> Making<'d> {
    pub(super) fn new(
        calendar: Calendar,
        forks_per_day: Option<u32>,
        drafts: &'d [Draft],
        chains: &'d Chains,
    ) -> Self {
        Self {
            calendar,
            forks_per_day: forks_per_day.unwrap_or(FORKS),
            drafts,
            nodes: BTreeMap::new(),
            own: BTreeMap::new(),
            chains,
            processes: BTreeMap::new(),
        }
    }

    /// The number of the server whose process answers for another.
    pub(super) fn answering(&self, number: usize) -> usize {
        let draft = &self.drafts[number];
        let Some(group) = &draft.group.through else { return number };
        let behind: Vec<usize> =
            (0..self.drafts.len()).filter(|place| self.drafts[*place].group.name == *group).collect();
        behind.get(draft.number % behind.len().max(1)).copied().unwrap_or(number)
    }

    /// The process that answers for a server.
    pub(super) fn process(&mut self, number: usize) -> Result<Process, WorldError> {
        let behind = &self.drafts[self.answering(number)];
        let group = &self.drafts[number].group;
        // Who passes things on under another name says that name and nothing else of his own.
        let key = match &group.through {
            Some(_) => format!("{} as {}", behind.process(), group.name),
            None => behind.process(),
        };
        if let Some(process) = self.processes.get(&key) {
            return Ok(process.clone());
        }
        let conduct =
            |behaviours: &Vec<_>| Arc::new(Conduct::new(behaviours.clone()).attacking(group.hostile));
        let process = Process {
            speaking: number,
            node: self.node(behind)?,
            conduct: conduct(&group.behaviours),
            elsewhere: group.behaviours_also_at.as_ref().map(conduct),
        };
        self.processes.insert(key, process.clone());
        Ok(process)
    }

    fn node(&mut self, draft: &Draft) -> Result<Arc<Node>, WorldError> {
        let name = draft.node();
        if let Some(node) = self.nodes.get(&name) {
            return Ok(Arc::clone(node));
        }
        let id = self.nodes.len() as u64;
        let mut chance = Chance::new(self.calendar.seed, "operator of a node", &[id]);
        let usual = NodePlan::default();
        let plan = NodePlan {
            seed: self.calendar.seed,
            id,
            delay: Duration::from_millis(150 + chance.below(900))
                + Duration::from_secs(draft.group.lag.into()),
            mempool_share: 0.94 + 0.06 * chance.unit(),
            // Bitcoin Core relays for a tenth since version 29.
            relay_fee: if chance.happens(0.4) { 100 } else { 1_000 },
            fork_share: draft.group.fork_share.unwrap_or(usual.fork_share),
            ..usual
        };
        let node = Arc::new(Node::new(plan, self.chain(draft.group.chain)?));
        self.nodes.insert(name, Arc::clone(&node));
        Ok(node)
    }

    fn chain(&mut self, which: scenario::Chain) -> Result<Arc<Chain>, WorldError> {
        if let Some(chain) = self.own.get(&which) {
            return Ok(Arc::clone(chain));
        }
        let ahead = ahead(self.calendar);
        let usual = ChainPlan {
            seed: self.calendar.seed,
            ahead,
            forks: forks(self.forks_per_day, ahead),
            ..ChainPlan::default()
        };
        let plan = match which {
            scenario::Chain::Usual => usual,
            scenario::Chain::Other => ChainPlan { genesis: Genesis::Own, histories: vec![1, 10], ..usual },
            scenario::Chain::Split => ChainPlan { splits_after: Some(SHARED), ..usual },
        };
        let chain = self.chains.of(&plan)?;
        self.own.insert(which, Arc::clone(&chain));
        Ok(chain)
    }
}

/// The blocks that the chain needs until the last day is over, even where they are found faster than they should.
fn ahead(calendar: Calendar) -> u32 {
    let seconds = (calendar.day(calendar.last_day + 1) - crate::SimTime::START).as_secs();
    let mean = u32::try_from(seconds * u64::from(PER_DAY) / 86_400).unwrap_or(u32::MAX);
    // Six standard deviations of a Poisson process.
    mean + 6 * mean.isqrt()
}

/// So many forks a day, of one block and of two in turn.
fn forks(per_day: u32, ahead: u32) -> Vec<ForkPlan> {
    let Some(apart) = PER_DAY.checked_div(per_day) else { return Vec::new() };
    let fork = |number: u32| ForkPlan { after: number * apart, depth: 2 - number % 2 };
    (1..).map(fork).take_while(|fork| fork.after + fork.depth < ahead).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_has_one_chain_however_many_others_are_made_at_once() {
        let chains = Chains::default();
        let mut making = Making::new(Calendar { seed: 3, last_day: 0 }, None, &[], &chains);
        let mut chain = || making.chain(scenario::Chain::Usual).expect("a chain");
        let before = chain();
        for seed in 10..20 {
            let others =
                ChainPlan { seed, blocks: 120, histories: Vec::new(), crowd: 0, ..ChainPlan::default() };
            chains.of(&others).expect("a chain");
        }
        assert!(Arc::ptr_eq(&before, &chain()));
    }

    #[test]
    fn forks_fit_into_a_chain_that_lasts_long_enough() {
        for (last_day, forks_per_day) in [(0, 0), (0, scenario::MOST_FORKS), (2, FORKS)] {
            let calendar = Calendar { seed: 3, last_day };
            let ahead = ahead(calendar);
            let plan = ChainPlan {
                seed: 3,
                blocks: 120,
                ahead,
                histories: Vec::new(),
                crowd: 0,
                forks: forks(forks_per_day, ahead),
                ..ChainPlan::default()
            };
            assert!(plan.forks.len() >= (forks_per_day * last_day) as usize);
            let chain = Chain::generate(&plan).expect("a chain");
            assert!(chain.found(chain.last()) > Some(calendar.day(last_day + 1)), "{last_day}");
        }
    }
}
