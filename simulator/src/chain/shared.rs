//! Chains that several worlds share: worlds of one seed have one chain, whatever their scenarios are, and to make it is
//! a good part of making a world.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Chain, ChainPlan, PlanError};

/// Chains that are kept: a scenario has two at the most, and at the turn from one seed to the next both are in use.
const MOST: usize = 4;

/// A chain, once somebody has made it.
type Made = Arc<Mutex<Option<Arc<Chain>>>>;

/// Chains that were made lately.
#[derive(Debug, Default)]
pub struct Chains(Mutex<VecDeque<(ChainPlan, Made)>>);

impl Chains {
    /// The chain of a plan. Who asks for one that somebody is making waits for it.
    ///
    /// # Errors
    /// [`PlanError`] where there is no such chain.
    pub fn of(&self, plan: &ChainPlan) -> Result<Arc<Chain>, PlanError> {
        let made = self.place(plan);
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chain) = &*made {
            return Ok(Arc::clone(chain));
        }
        let chain = Arc::new(Chain::generate(plan)?);
        *made = Some(Arc::clone(&chain));
        Ok(chain)
    }

    fn place(&self, plan: &ChainPlan) -> Made {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lately.iter().position(|(known, _)| known == plan)
            && let Some(found) = lately.remove(known)
        {
            let made = Arc::clone(&found.1);
            lately.push_back(found);
            return made;
        }
        if lately.len() == MOST {
            lately.pop_front();
        }
        let made = Made::default();
        lately.push_back((plan.clone(), Arc::clone(&made)));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_made_once_as_long_as_it_is_among_the_latest() {
        let chains = Chains::default();
        let plan = |seed| ChainPlan {
            seed,
            blocks: 120,
            ahead: 2,
            histories: Vec::new(),
            crowd: 0,
            forks: Vec::new(),
            ..ChainPlan::default()
        };
        let of = |seed| chains.of(&plan(seed)).expect("a chain");
        let first = of(0);
        assert!(Arc::ptr_eq(&first, &of(0)));
        assert_ne!(first.genesis_hash(), "");
        for other in 1..4 {
            assert!(!Arc::ptr_eq(&first, &of(other)));
        }
        assert!(Arc::ptr_eq(&first, &of(0)));
        for other in 4..8 {
            of(other);
        }
        assert!(!Arc::ptr_eq(&first, &of(0)));
        assert_eq!(chains.0.lock().expect("no panic").len(), MOST);
    }
}
