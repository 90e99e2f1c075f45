//! How a server refuses: an error is for programs. Words that a person should act on are not.

use electrum::{message::Answer, proof};

use super::{Proof, Shown, Step, Subject};
use crate::reading::{Reading, Turn};

/// What no honest error holds, in lower case. Not "upgrade": bitcoind speaks of upgradable opcodes.
const CALLS: &[&str] = &["http:", "https:", "www.", "update", "download"];

/// Largest transaction that is looked at, in bytes.
const LARGEST: usize = 100_000;

pub(super) fn proofs<'v>(reading: &Reading<'v>) -> Vec<Proof<'v>> {
    let errors = reading.turns.iter().filter_map(|turn| error(turn));
    let asked = reading.turns.iter().filter(|turn| matches!(&*turn.exchange.probe, "E10" | "E11"));
    errors.chain(asked.filter_map(broadcast)).collect()
}

/// What the answer to a transaction proves or disproves that no node can take.
pub(crate) fn of_refusal<'v>(turn: &Turn<'v>) -> Vec<Proof<'v>> {
    error(turn).into_iter().chain(broadcast(turn)).collect()
}

fn error<'v>(turn: &Turn<'v>) -> Option<Proof<'v>> {
    let error = turn.error()?;
    let request = String::from_utf8_lossy(turn.exchange.request.bytes()).to_lowercase();
    let call = call_to_act(&error.message, &request);
    let found = if call.is_some() { Shown::said(&error.message) } else { "none".into() };
    let what = "an error names no page, no program and no markup".into();
    let step = Step { what, expected: "none".into(), found, holds: call.is_none() };
    Some(Proof { subject: Subject::Error, rests_on: vec![turn.witness()], steps: vec![step] })
}

/// The first words that ask a person to act, or are markup. Errors honestly repeat what was asked.
fn call_to_act<'m>(message: &'m str, request: &str) -> Option<&'m str> {
    let lower = message.to_ascii_lowercase();
    let call = CALLS.iter().filter(|call| !request.contains(**call)).find_map(|call| {
        let (at, _) = lower.match_indices(call).find(|(at, _)| is_said(&lower, *at, call))?;
        message.get(at..at + call.len())
    });
    call.or_else(|| tags(message).find(|tag| !request.contains(&tag.to_lowercase())))
}

/// Whether a call is a word by itself, or of the name of a page: an index that is being updated asks nobody to do anything.
/// What does not end with a letter is the beginning of a page's name.
fn is_said(text: &str, at: usize, call: &str) -> bool {
    let (before, after) = (&text[..at], &text[at + call.len()..]);
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let alone = !before.ends_with(joins) && !after.starts_with(joins);
    let end = |text: &str| text.find(|c: char| !joins(c) && !".-".contains(c)).unwrap_or(text.len());
    let mut parts = after[..end(after)].split('.').skip(1);
    let of_page = !after.starts_with('_') && parts.any(|part| part.starts_with(char::is_alphabetic));
    alone || of_page || call.ends_with(|c: char| !c.is_alphabetic())
}

/// Tags as they begin: `<h1`, `</p`.
fn tags(message: &str) -> impl Iterator<Item = &str> {
    message.match_indices('<').filter_map(|(at, _)| {
        let rest = &message[at..];
        let name = rest[1..].strip_prefix('/').unwrap_or(&rest[1..]);
        let letters = name.chars().take_while(char::is_ascii_alphanumeric).count();
        let opens = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let closes = name[letters..].starts_with([' ', '>', '/']);
        (opens && closes).then(|| &rest[..rest.len() - name.len() + letters])
    })
}

/// What E10 and E11 send spends an output of a transaction whose id is the hash of a secret. Nobody can accept it, so
/// whatever is called a success is none.
fn broadcast<'v>(turn: &Turn<'v>) -> Option<Proof<'v>> {
    if turn.method() != "blockchain.transaction.broadcast" {
        return None;
    }
    let [raw]: [String; 1] = turn.params()?;
    // Where nothing is spent there is nothing to hold against anybody.
    let (transaction, _) = proof::txid_of(&raw, LARGEST).ok()?;
    let spends = transaction.input.first()?.previous_output;
    let sent = Step {
        what: "what was sent is a transaction, and spends an output; that no node knows this output follows from how the \
               probe makes it up, not from these bytes"
            .into(),
        expected: "any output".into(),
        found: Shown::said(&spends.to_string()),
        holds: true,
    };
    let expected = Shown::from("an error");
    let (found, holds) = match turn.answer()? {
        Answer::Error(_) => (expected.clone(), true),
        Answer::Result(text) => {
            let said: String = serde_json::from_str(text).ok().filter(|said: &String| !said.is_empty())?;
            (Shown::said(&said), false)
        }
    };
    let what = "a transaction that no node can take is refused".into();
    let answer = Step { what, expected, found, holds };
    Some(Proof { subject: Subject::Broadcast, rests_on: vec![turn.witness()], steps: vec![sent, answer] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_people_are_found_and_words_for_programs_are_not() {
        for message in [
            "<h1>Required Security Update</h1>",
            "please see HTTPS://electrum-update.example",
            "<a href='x'>",
            "text <br/>",
            "Download the new version",
            "indexes updated: please update.",
            "Get the fix at electrumupdate.com",
            "see electrum-downloads.org/now",
        ] {
            assert!(call_to_act(message, "").is_some(), "{message}");
        }
        for message in [
            "the transaction was rejected by network rules.\n\nbad-txns-inputs-missingorspent\n[02000000]",
            "cp_height #5 < height #100",
            "unknown method \"no.such.method\"",
            "Script uses an upgradable opcode",
            "block index is being updated, try again",
            "mempool_update failed, updating",
            "the blockchain was updated. Try again",
            "1<2",
            "a <- b",
            "<",
            "</",
            "ü<ü",
        ] {
            assert_eq!(call_to_act(message, ""), None, "{message}");
        }
    }

    #[test]
    fn what_we_said_ourselves_is_not_held_against_those_who_repeat_it() {
        assert_eq!(call_to_act("<b> is not a valid script hash", r#"["<b>"]"#), None);
        assert_eq!(call_to_act("unknown: update", r#""method":"update""#), None);
        assert_eq!(call_to_act("<b> <h1>", r#"["<b>"]"#), Some("<h1"));
    }

    proptest::proptest! {
        #[test]
        fn any_words_are_read(message in ".{0,60}", request in ".{0,20}") {
            let _ = call_to_act(&message, &request);
        }

        #[test]
        fn tags_are_found_wherever_they_are(before in "[a-zü ]{0,9}", tag in "[a-z][a-z0-9]{0,4}") {
            let message = format!("{before}<{tag}>");
            proptest::prop_assert_eq!(tags(&message).next(), Some(&message[before.len()..message.len() - 1]));
        }
    }
}
