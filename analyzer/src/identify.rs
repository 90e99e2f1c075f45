//! Which software a server runs, from how it speaks and not from what it says of itself.
//!
//! Every implementation has habits that its operator does not choose: the order of members in its JSON, the
//! words of its errors, the methods it lacks, how it pads and paces. [`Observation`]s are such habits, seen in
//! a visit: a question derived from our own request, and a trait of the answer. [`Knowledge`] holds, for each
//! version of each implementation that was captured, the traits seen for each question. What a server claims
//! (version strings, banner, donation address) and what depends on its chain, peers or settings is no trait.
//!
//! The rules, in [`Knowledge::identify`]:
//!
//! - A captured version stands as long as no observation contradicts its **grammar** (the JSON library, padding)
//!   and at most 5 % contradict its **answers**. Where one version alone is known of an implementation, not
//!   one may: nothing is known there of how its versions differ.
//! - Neighbouring versions stand together for what lies between them, which may answer like either.
//! - Exactly one implementation must stand, with enough observations, and each other one must be contradicted.
//!   Otherwise the answer is "unknown": proxies, mixtures, strangers, short visits.
//! - How surely it is named depends on the rival that comes closest: electrs and mempool-electrs write alike, and
//!   a light visit meets one difference between them where a deep one meets twenty.
//! - The range is that of the versions that explain everything, else of neighbours that do so together; where
//!   nothing does, the software has a name and no version.

mod answer;
mod conversation;
mod grammar;
mod json;
mod knowledge;
mod observe;
mod padding;
mod question;
mod template;
mod verdict;

pub(crate) use conversation::{Conversation, Said, Turn};
pub(crate) use padding::is_padded;
pub(crate) use question::Era;

pub use knowledge::{Evidence, Knowledge, KnowledgeError, Version};
pub use observe::{Observation, Topic, observe};
pub use verdict::{Fit, Identified, versions};

use model::Visit;

/// Rises when the same visits are named otherwise: with `grammars.json`, or how it is weighed.
pub(crate) const VERSION: u32 = 1;

/// Names the software behind visits to one server, or says `None` for "unknown".
#[must_use]
pub fn identify<'v>(
    knowledge: &Knowledge,
    visits: impl IntoIterator<Item = &'v Visit>,
) -> Option<Identified> {
    let mut evidence = Evidence::default();
    for visit in visits {
        evidence.extend(&knowledge.weigh(&observe(visit)));
    }
    knowledge.identify(&evidence)
}

#[cfg(test)]
mod tests;
