//! Every proof holds for who tells the truth, and fails for who does not.

use bitcoin::consensus::encode::serialize_hex;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::hand_made::{HEIGHT, World, exchange, hearing, mine, refused, replaced, told, visit};

fn tried(exchanges: Vec<model::Exchange>) -> Vec<(Subject, bool)> {
    let visit = visit("192.0.2.1", 0, model::Purpose::Deep, exchanges);
    proofs(&Reading::of(&visit)).iter().map(|proof| (proof.subject, proof.failure().is_none())).collect()
}

fn failed(exchanges: Vec<model::Exchange>) -> Vec<Subject> {
    tried(exchanges).into_iter().filter(|(_, holds)| !holds).map(|(subject, _)| subject).collect()
}

#[test]
fn what_an_honest_server_tells_holds() {
    let world = World::new();
    let tried = tried(world.honest());
    assert!(tried.iter().all(|(_, holds)| *holds), "{tried:?}");
    let txid = world.payment.compute_txid();
    let place = Subject::Place { height: HEIGHT, position: 1 };
    for subject in [
        Subject::Genesis,
        Subject::Tip,
        Subject::Header(HEIGHT),
        Subject::Run,
        place,
        Subject::Transaction(txid),
        Subject::Branch(txid),
        Subject::Control,
        Subject::Status(world.hash()),
        Subject::Balance(world.hash()),
    ] {
        assert!(tried.iter().any(|(tried, _)| *tried == subject), "{subject} was not tried");
    }
}

#[test]
fn each_lie_fails_where_it_is_told() {
    let world = World::new();
    let other = mine(&world.headers[3], [9; 32]);
    let (txid, script) = (world.payment.compute_txid(), world.hash());
    let mut unworked = other;
    while unworked.target().is_met_by(unworked.block_hash()) {
        unworked.nonce += 1;
    }
    let gap: String = [0, 2].map(|height: usize| serialize_hex(&world.headers[height])).concat();
    let place = Subject::Place { height: HEIGHT, position: 1 };
    let coin = json!({"tx_hash": txid, "tx_pos": 0, "height": HEIGHT, "value": 1});
    let lies: [(&str, usize, Value, &[Subject]); 15] = [
        ("M1", 0, json!({"genesis_hash": "00".repeat(32)}), &[Subject::Genesis]),
        ("M1", 0, json!({"genesis_hash": "mine"}), &[Subject::Genesis]),
        ("C1", 0, json!({"height": 20, "hex": serialize_hex(&unworked)}), &[Subject::Tip]),
        ("C2", 0, json!(serialize_hex(&other)), &[Subject::Genesis]),
        ("C2", 1, json!(serialize_hex(&unworked)), &[Subject::Header(1)]),
        ("C4", 0, json!({"hex": gap}), &[Subject::Run]),
        ("C6", 0, json!({"tx_hash": txid, "merkle": [txid]}), &[place]),
        ("C7", 0, json!(serialize_hex(&world.neighbour)), &[Subject::Transaction(txid)]),
        ("C7", 0, json!("no hex"), &[Subject::Transaction(txid)]),
        ("C10", 0, json!({"merkle": [], "pos": 0}), &[Subject::Branch(txid)]),
        // Two proofs lead to the header.
        ("C10", 1, json!(serialize_hex(&other)), &[place, Subject::Branch(txid)]),
        ("S4", 0, Value::Null, &[Subject::Status(script)]),
        ("S4", 1, json!([]), &[Subject::Status(script)]),
        ("S4", 2, json!({"confirmed": 70_000, "unconfirmed": 0}), &[Subject::Balance(script)]),
        ("S4", 3, json!([coin, coin]), &[Subject::Balance(script)]),
    ];
    for (probe, nth, lie, subjects) in lies {
        assert_eq!(failed(world.lying(probe, nth, &lie)), subjects, "{probe} {nth} {lie}");
    }
    for (nth, lie) in [
        (0, json!("00".repeat(32))),
        (1, json!({"confirmed": 1, "unconfirmed": -1})),
        (2, json!([{"tx_hash": txid, "height": 0}])),
    ] {
        assert_eq!(failed(world.lying("S1", nth, &lie)), [Subject::Control], "{lie}");
        let mut all = world.lying("S1", nth, &lie);
        all.iter_mut().filter(|asked| asked.probe == "S1").for_each(|asked| asked.probe = "S13".into());
        assert_eq!(failed(all), [Subject::Control], "{lie}");
    }
}

#[test]
fn what_was_not_answered_as_it_should_be_proves_nothing() {
    let world = World::new();
    for answer in [
        None,
        Some(json!({"error": "busy"})),
        Some(json!({"result": {"odd": 1}})),
        Some(json!({"result": 7})),
    ] {
        for asked in world.honest() {
            let call: Value = serde_json::from_slice(asked.request.bytes()).expect("a call");
            let method = call["method"].as_str().expect("a method");
            let odd = |_: &model::Exchange| exchange("", method, &call["params"], answer.as_ref());
            let nth = world.honest().iter().filter(|other| other.probe == asked.probe).position(|other| {
                let other: Value = serde_json::from_slice(other.request.bytes()).expect("a call");
                other["method"] == call["method"] && other["params"] == call["params"]
            });
            let exchanges = replaced(world.honest(), &asked.probe, nth.expect("itself"), odd);
            assert_eq!(failed(exchanges), [], "{call} {answer:?}");
        }
    }
}

#[test]
fn a_header_below_a_checkpoint_is_proved_by_its_branch() {
    let world = World::new();
    let hashes = [0, 1].map(|height: usize| world.headers[height].block_hash().to_string());
    let pair = [0, 1].map(|height: usize| {
        bitcoin::hashes::Hash::to_byte_array(world.headers[height].block_hash().to_raw_hash())
    });
    let root = <bitcoin::hashes::sha256d::Hash as bitcoin::hashes::Hash>::hash(&pair.concat());
    let proved = |root: &str| {
        let header = serialize_hex(&world.headers[0]);
        let result = json!({"branch": [hashes[1]], "header": header, "root": root});
        vec![told("C3", "blockchain.block.header", &json!([0, 1]), &result)]
    };
    assert_eq!(tried(proved(&root.to_string())), [(Subject::Checkpoint(0), true)]);
    assert_eq!(tried(proved(&hashes[0])), [(Subject::Checkpoint(0), false)]);
}

#[test]
fn a_transaction_that_spends_nothing_is_refused_in_words_for_programs() {
    let broadcast = "blockchain.transaction.broadcast";
    let params = json!([serialize_hex(&World::new().payment)]);
    let said = |answer: &Value| failed(vec![exchange("E10", broadcast, &params, Some(answer))]);
    assert_eq!(said(&json!({"error": {"code": 1, "message": "bad-txns-inputs-missingorspent"}})), []);
    assert_eq!(said(&json!({"error": {"code": 1, "message": "<b>Update</b>"}})), [Subject::Error]);
    assert_eq!(said(&json!({"result": "00".repeat(32)})), [Subject::Broadcast]);
    assert_eq!(said(&json!({"result": "<b>thank you</b>"})), [Subject::Broadcast]);
    assert_eq!(said(&json!({"result": null})), [], "nothing was claimed");
    // What others broadcast is their affair.
    assert_eq!(failed(vec![told("S1", broadcast, &params, &json!("00".repeat(32)))]), []);
    assert_eq!(
        failed(vec![refused("E4", "blockchain.scripthash.get_balance", &json!(["<b>"]), "<b> is none")]),
        []
    );
}

#[test]
fn whom_nobody_ever_used_nobody_is_told_of() {
    let world = World::new();
    let quiet = visit("192.0.2.1", 0, model::Purpose::Light, world.honest());
    let failed = |line: Value| {
        let visit = hearing(quiet.clone(), &line);
        let proofs = proofs(&Reading::of(&visit));
        let failed: Vec<Subject> =
            proofs.iter().filter(|proof| proof.failure().is_some()).map(|proof| proof.subject).collect();
        failed
    };
    let hash = ScriptHash::of(&world.control);
    for (method, name) in [
        ("blockchain.scripthash.subscribe", hash.to_string()),
        ("blockchain.scriptpubkey.subscribe", world.control.to_hex_string()),
    ] {
        assert_eq!(failed(json!({"method": method, "params": [name, "00".repeat(32)]})), [Subject::Control]);
        assert_eq!(failed(json!({"method": method, "params": [name, null]})), [Subject::Control]);
    }
    let other = world.hash().to_string();
    assert_eq!(failed(json!({"method": "blockchain.scripthash.subscribe", "params": [other, null]})), []);
    assert_eq!(failed(json!({"method": "blockchain.headers.subscribe", "params": [{}]})), []);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index) {
        let mut exchanges = World::new().honest();
        let at = at.index(exchanges.len());
        let reply = exchanges[at].answer.as_mut().expect("an answer");
        reply.response = model::Recorded::new(&bytes, model::Recorded::LIMIT);
        let _ = tried(exchanges);
    }

    #[test]
    fn any_results_are_read(text in "\\PC{0,40}", number: i64, at: prop::sample::Index) {
        let world = World::new();
        let exchanges = world.honest();
        let at = at.index(exchanges.len());
        let call: Value = serde_json::from_slice(exchanges[at].request.bytes()).expect("a call");
        for result in [json!(text), json!(number), json!([{"tx_hash": text, "height": number}]),
            json!({"hex": text, "height": number}), json!({"merkle": [text], "pos": number}),
            json!({"confirmed": number, "unconfirmed": number})] {
            let lie = told("S4", call["method"].as_str().expect("a method"), &call["params"], &result);
            let _ = tried(vec![exchanges[10].clone(), lie]);
        }
    }
}
