//! Looks for objects in a conversation, and believes nothing without proof: transactions by their ids, their
//! place by merkle branches, blocks by their work.

use bitcoin::{Transaction, Txid};
use electrum::{
    Network,
    message::Answer,
    proof::{self, Branch},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Objects, Output,
    pick::{self, Candidate, Chosen, FAMOUS, Line},
    proof_price,
};
use crate::{
    conversation::{Conversation, Question, Round},
    probe::{Call, Form},
};

/// Largest transaction that is looked at, in bytes: larger ones do not fit into the record whole.
const LARGEST: usize = 30_000;
/// What a proof costs in a block that is as good as empty, in E.
const FIRST_GUESS: f64 = 0.26;
/// Most transactions that are looked at; each costs the server one E.
const MOST: usize = 60;
/// About what a search costs the server, in E: the places in forty blocks, [`MOST`] more and as many transactions,
/// eight histories of each type, and a proof for one of each.
pub(crate) const SEARCH_COST: f64 = 123.0;

/// Finds objects on the server's chain, within what politeness leaves of the visit. None where the conversation
/// ended before all was proved.
pub async fn find(conversation: &mut Conversation, network: Network, tip: u32) -> Option<Objects> {
    let txids = match network {
        Network::Mainnet => FAMOUS.map(str::to_owned).to_vec(),
        _ => by_position(conversation, tip).await?,
    };
    let transactions = transactions(conversation, &txids).await?;
    let candidates = pick::candidates(&transactions);
    let histories = histories(conversation, candidates).await?;
    let (chosen, busy) = pick::choose(histories);
    let outputs = prove(conversation, network, chosen).await?;
    Some(Objects { outputs, busy })
}

/// Ids of transactions in the latest blocks that are buried.
async fn by_position(conversation: &mut Conversation, tip: u32) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Found {
        #[serde(alias = "tx_id")]
        tx_hash: String,
        merkle: Vec<String>,
    }
    let at = |height: u32, position: u32| {
        call("blockchain.transaction.id_from_pos", json!([height, position, true]), FIRST_GUESS)
    };
    let heights: Vec<u32> = pick::heights(tip).collect();
    let coinbases: Vec<Option<Found>> =
        ask(conversation, "O1", heights.iter().map(|height| at(*height, 0)).collect()).await?;
    // Only now is it known how full the blocks were.
    conversation
        .charge_more(coinbases.iter().flatten().map(|found| price(&found.merkle) - FIRST_GUESS).sum());
    let blocks = heights.iter().zip(&coinbases);
    let others = blocks.filter_map(|(height, found)| Some((*height, found.as_ref()?.merkle.len())));
    let places = others.flat_map(|(height, levels)| pick::positions(levels).map(move |at| (height, at)));
    let calls = places.take(MOST).map(|(height, position)| at(height, position)).collect();
    let others: Vec<Option<Found>> = ask(conversation, "O2", calls).await?;
    // What was paid in blocks first: coinbases are all alike.
    Some(others.into_iter().chain(coinbases).flatten().map(|found| found.tx_hash).collect())
}

/// The transactions with these ids, as far as the server has them.
async fn transactions(conversation: &mut Conversation, txids: &[String]) -> Option<Vec<(Txid, Transaction)>> {
    let calls = txids.iter().take(MOST).map(|id| call("blockchain.transaction.get", json!([id]), 1.0));
    let raw: Vec<Option<String>> = ask(conversation, "O3", calls.collect()).await?;
    let whole = txids.iter().zip(raw).filter_map(|(id, raw)| {
        let (transaction, txid) = proof::txid_of(&raw?, LARGEST).ok()?;
        (txid.to_string() == *id).then_some((txid, transaction))
    });
    Some(whole.collect())
}

async fn histories(
    conversation: &mut Conversation,
    candidates: Vec<Candidate>,
) -> Option<Vec<(Candidate, Vec<Line>)>> {
    let about = |candidate: &Candidate| json!([proof::ScriptHash::of(&candidate.script).to_string()]);
    let calls = candidates.iter().map(|c| call("blockchain.scripthash.get_history", about(c), 0.5));
    let lines: Vec<Option<Vec<Line>>> = ask(conversation, "O4", calls.collect()).await?;
    Some(candidates.into_iter().zip(lines).filter_map(|(c, lines)| Some((c, lines?))).collect())
}

/// Those whose block has been worked for and holds them.
async fn prove(
    conversation: &mut Conversation,
    network: Network,
    chosen: Vec<Chosen>,
) -> Option<Vec<Output>> {
    #[derive(Deserialize)]
    struct Place {
        merkle: Vec<String>,
        pos: u32,
    }
    let calls = chosen.iter().map(|c| {
        let params = json!([c.candidate.txid.to_string(), c.height]);
        call("blockchain.transaction.get_merkle", params, FIRST_GUESS)
    });
    let places: Vec<Option<Place>> = ask(conversation, "O5", calls.collect()).await?;
    if network == Network::Mainnet {
        // Elsewhere the server has just read these blocks.
        let extra = places.iter().flatten().map(|place| price(&place.merkle) - FIRST_GUESS);
        conversation.charge_more(extra.sum());
    }
    let calls = chosen.iter().map(|c| call("blockchain.block.header", json!([c.height]), 0.25));
    let headers: Vec<Option<String>> = ask(conversation, "O6", calls.collect()).await?;
    let proved = chosen.into_iter().zip(places).zip(headers).filter_map(|((chosen, place), header)| {
        let (place, header) = (place?, proof::header::decode(&header?).ok()?);
        proof::chain(&[header], chosen.height.into(), network).ok()?;
        let branch = Branch::parse(&place.merkle).ok()?;
        let Chosen { candidate: Candidate { kind, script, txid }, height, history, is_unspent: _ } = chosen;
        proof::merkle::verify(txid, place.pos.into(), &branch, header.merkle_root).ok()?;
        let levels = u32::try_from(branch.depth()).ok()?;
        Some(Output { kind, script, txid, height, position: place.pos, levels, history })
    });
    Some(proved.collect())
}

fn price(branch: &[String]) -> f64 {
    proof_price(u32::try_from(branch.len()).unwrap_or(u32::MAX))
}

fn call(method: &'static str, params: Value, cost: f64) -> Call {
    Call { method, params, cost, form: Form::Plain }
}

/// Asks in one write, and reads each answer as what is expected, in the order of the calls. None where the
/// conversation ended.
async fn ask<T: DeserializeOwned>(
    conversation: &mut Conversation,
    probe: &'static str,
    calls: Vec<Call>,
) -> Option<Vec<Option<T>>> {
    let questions = calls.into_iter().map(|call| Question { probe, risk: None, call });
    let Round::Done = conversation.ask(questions, |_, _| {}).await else { return None };
    let results = conversation.exchanges_of(probe).map(|exchange| {
        let answer = exchange.answer.as_ref()?;
        let Answer::Result(text) = Answer::read(answer.response.bytes())? else { return None };
        serde_json::from_str(text).ok()
    });
    Some(results.collect())
}
