//! Nodes differ in what they have heard of and in what they think of fees, and in nothing else.

use std::{collections::HashSet, time::Duration};

use bitcoin::Txid;
use electrum::proof::ScriptHash;
use proptest::prelude::*;
use simulator::{
    SimTime,
    chain::{ChainPlan, ForkPlan},
    node::{MempoolEntry, Node, NodePlan, View},
};

use crate::support::{end, generate, header, node, on_forks, seconds, small, txids, usual};

const TARGETS: [u32; 8] = [2, 3, 5, 10, 25, 144, 504, 1_008];

fn vector(view: &View) -> Vec<Option<f64>> {
    TARGETS.iter().map(|target| view.estimate(*target)).collect()
}

fn ids(view: &View) -> HashSet<Txid> {
    view.mempool().iter().map(|entry| entry.txid).collect()
}

/// What clients are told of.
fn told(view: &View, scripts: &[ScriptHash]) -> (Vec<[u8; 80]>, Vec<Vec<simulator::node::MempoolItem>>) {
    let top = (view.height() - 4..=view.height()).filter_map(|height| view.header(height)).collect();
    (top, scripts.iter().map(|script| view.mempool_history(script)).collect())
}

#[test]
fn blocks_arrive_during_the_run_and_not_everywhere_at_once() {
    let chain = usual();
    let far = Node::new(NodePlan { delay: Duration::from_secs(20), ..NodePlan::default() }, chain.clone());
    let near = node(&chain, 1);
    let first = chain.plan().blocks + 1;
    let found = chain.found(first).expect("a block");
    assert_eq!(near.view(SimTime::START).height(), first - 1);
    let tips = [&near, &far].map(|node| node.view(found + Duration::from_secs(5)).height());
    assert_eq!(tips, [first, first - 1]);
    assert!(far.view(found + Duration::from_secs(25)).height() >= first);
    assert_eq!(near.view(end(&chain)).height(), chain.last());
    assert_eq!(near.next_change(end(&chain)), None);
}

#[test]
fn no_two_nodes_estimate_alike_but_at_the_floor() {
    let chain = usual();
    let nodes: Vec<Node> = (0..40).map(|id| node(&chain, id)).collect();
    let floor = Some(0.000_01);
    let (mut quiet, mut busy) = (0, 0);
    for at in (0..600_000).step_by(20_000).map(seconds) {
        let height = nodes[0].view(at).height();
        let views = nodes.iter().map(|node| node.view(at)).filter(|view| view.height() == height);
        let vectors: Vec<Vec<Option<f64>>> = views.map(|view| vector(&view)).collect();
        for vector in &vectors {
            assert!(vector.windows(2).all(|two| two[0] >= two[1] && two[1] >= floor), "{vector:?}");
        }
        let above = vectors[0].iter().filter(|estimate| **estimate > floor).count();
        if above == 0 {
            quiet += 1;
            assert!(vectors.iter().all(|vector| *vector == vectors[0]));
        } else if above >= 4 {
            busy += 1;
            let different: HashSet<String> = vectors.iter().map(|vector| format!("{vector:?}")).collect();
            assert_eq!(different.len(), vectors.len());
        }
    }
    assert!(quiet > 0 && busy > 10, "{quiet} quiet, {busy} busy");
}

#[test]
fn estimates_change_with_blocks_and_only_then() {
    let chain = usual();
    let node = node(&chain, 7);
    let mut before: Option<(u32, Vec<Option<f64>>)> = None;
    let mut changes = 0;
    for at in (0..36_000).step_by(60).map(seconds) {
        let view = node.view(at);
        let now = (view.height(), vector(&view));
        if let Some(before) = before.filter(|before| *before != now) {
            assert_ne!(before.0, now.0);
            changes += 1;
        }
        before = Some(now);
    }
    assert!(changes > 20, "{changes}");
}

#[test]
fn a_node_that_knows_no_fees_says_so() {
    let plan = NodePlan { learned: false, relay_fee: 100, ..NodePlan::default() };
    let view = Node::new(plan, usual()).view(SimTime::START);
    assert_eq!(vector(&view), [None; 8]);
    let fees = [view.relay_fee(), view.mempool_min_fee(), view.incremental_fee()];
    assert_eq!(fees, [0.000_001; 3]);
}

#[test]
fn mempools_have_much_in_common_and_are_not_the_same() {
    let chain = usual();
    let at = seconds(7_200);
    let [one, other] = [1, 2].map(|id| ids(&node(&chain, id).view(at)));
    let common = one.intersection(&other).count();
    assert!(common < one.len() && common < other.len());
    assert!(common * 10 > one.len().max(other.len()) * 9);
    // Enough for histograms with several bins: those of ElectrumX start at 100,000 virtual bytes.
    let view = node(&chain, 1).view(at);
    let vsize: u64 = view.mempool().iter().map(|entry| entry.vsize).sum();
    assert!((200_000..20_000_000).contains(&vsize), "{vsize}");
    let sorted = |two: &[MempoolEntry]| two[0].feerate >= two[1].feerate;
    assert!(view.mempool().windows(2).all(sorted));
}

#[test]
fn the_mempool_changes_in_steps_between_blocks() {
    let chain = usual();
    let node = node(&chain, 1);
    let mut changed = Vec::new();
    let (mut tip, mut before) = (node.view(SimTime::START).height(), ids(&node.view(SimTime::START)));
    for at in 1..1_200 {
        let view = node.view(seconds(at));
        let now = ids(&view);
        if now != before && view.height() == tip {
            changed.push(at);
        }
        (tip, before) = (view.height(), now);
    }
    assert!(changed.len() > 30, "{}", changed.len());
    assert!(changed.windows(2).all(|two| two[1] - two[0] >= 5), "{changed:?}");
}

#[test]
fn pending_transactions_concern_their_scripts_until_a_block_has_them() {
    let chain = usual();
    let node = on_forks(&chain, 0.0);
    let (mut pending, mut on_top) = (0, 0);
    for height in chain.plan().blocks + 1..chain.plan().blocks + 60 {
        let found = chain.found(height).expect("a block");
        let (before, after) = (
            node.view(SimTime::from_millis(found.as_millis() - 1)),
            node.view(found + Duration::from_secs(3)),
        );
        for txid in txids(&after, height) {
            let Some(transaction) = before.transaction(&txid) else { continue };
            pending += 1;
            assert_eq!(before.confirmed_height(&txid), None);
            let script = ScriptHash::of(&transaction.output[0].script_pubkey);
            let items = before.mempool_history(&script);
            let item = items.iter().find(|item| item.txid == txid).expect("in the history");
            assert!(item.fee > 0);
            on_top += u32::from(item.height == -1);
            let (confirmed, unconfirmed) = before.balance(&script);
            let coins: u64 = before.unspent(&script).iter().map(|coin| coin.value).sum();
            assert_eq!(confirmed.checked_add_signed(unconfirmed), Some(coins));
            assert!(after.mempool_history(&script).iter().all(|item| item.txid != txid));
        }
    }
    assert!(pending > 100 && on_top > 5, "{pending} pending, {on_top} on top of others");
}

#[test]
fn forks_are_followed_by_some_and_given_up_by_all() {
    let chain = generate(&ChainPlan { ahead: 40, ..small(3) });
    let (straight, fickle) = (on_forks(&chain, 0.0), on_forks(&chain, 1.0));
    for ForkPlan { after, depth } in chain.plan().forks.clone() {
        let common = chain.plan().blocks + after;
        let mut seen = 0;
        let until = chain.found(common + depth + 1).expect("a block") + Duration::from_secs(10);
        let mut at = chain.found(common).expect("a block");
        while at < until {
            let (one, other) = (straight.view(at), fickle.view(at));
            let height = one.height().min(other.height());
            let common_tip = height.min(common);
            assert_eq!(header(&one, common_tip), header(&other, common_tip));
            if one.height() >= common + depth && other.height() == common + depth {
                seen += u32::from(one.header(common + depth) != other.header(common + depth));
            }
            at = at + Duration::from_millis(250);
        }
        assert!(seen > 0, "no fork of {depth}");
        let (one, other) = (straight.view(until), fickle.view(until));
        assert_eq!(one.header(common + depth), other.header(common + depth));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn nothing_that_clients_are_told_of_changes_before_it_is_announced(
        seed: u64, start in 0_u64..12_000, every in 1_u64..30, forks: bool,
    ) {
        let chain = generate(&small(seed));
        let plan = NodePlan {
            seed,
            fork_share: if forks { 1.0 } else { 0.0 },
            mempool_every: Duration::from_secs(every),
            ..NodePlan::default()
        };
        let node = Node::new(plan, chain.clone());
        let scripts = crate::support::scripts(&node.view(end(&chain)));
        let mut at = seconds(start);
        for _ in 0..12 {
            let Some(next) = node.next_change(at) else { break };
            prop_assert!(next > at);
            let before = told(&node.view(at), &scripts);
            let just_before = SimTime::from_millis(next.as_millis() - 1);
            let halfway = SimTime::from_millis(at.as_millis().midpoint(next.as_millis() - 1));
            for moment in [halfway, just_before] {
                prop_assert!(told(&node.view(moment), &scripts) == before, "{at:?} {moment:?} {next:?}");
            }
            at = next;
        }
    }

    #[test]
    fn a_view_is_the_same_whenever_it_is_looked_at(seed: u64, moments in prop::collection::vec(0_u64..15_000, 2..6)) {
        let chain = generate(&small(seed));
        let wandering = node(&chain, 5);
        for at in moments.into_iter().map(seconds) {
            let (one, other) = (wandering.view(at), node(&chain, 5).view(at));
            prop_assert_eq!(one.height(), other.height());
            prop_assert_eq!(one.mempool(), other.mempool());
            prop_assert_eq!(vector(&one), vector(&other));
        }
    }
}
