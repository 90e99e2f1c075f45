//! What strangers bring about, and what is nobody's fault, is held against nobody.

use super::*;

#[test]
fn a_server_of_one_wallet_leaves_nothing_out() {
    let world = World::new();
    let scripts: Vec<ScriptHash> = (0..3).map(|number| ScriptHash::from([number; 32])).collect();
    let lists = |lines: &[&Value]| {
        let about = scripts.iter().zip(lines.iter().cycle());
        let asked = about
            .map(|(script, lines)| told("S4", "blockchain.scripthash.get_history", &json!([script]), lines));
        let tip = world.honest().into_iter().filter(|exchange| exchange.probe == "C1");
        tip.chain(asked).collect::<Vec<Exchange>>()
    };
    let listed = json!([{"tx_hash": "11".repeat(32), "height": HEIGHT}]);
    let others = (0..6).flat_map(|number| [0, 20].map(|minutes| (format!("10.0.{number}.1"), minutes)));
    let others: Vec<Visit> =
        others.map(|(host, minutes)| visit(&host, minutes, Purpose::Deep, lists(&[&listed]))).collect();
    let beside = |told: &[&Value]| found_among([five(|| lists(told)), others.clone()].concat());
    let nothing = json!([]);
    assert_eq!(beside(&[&nothing]), []);
    assert_eq!(names(&beside(&[&nothing, &listed])), ["I5"]);
}

#[test]
fn a_server_of_another_network_beside_is_no_lie() {
    let world = World::new();
    let coin = || world.lying("M1", 0, &json!({"genesis_hash": "00".repeat(32)}));
    let beside = |port: u16, minutes, exchanges| {
        let endpoint = format!("ssl://{SUSPECT}:{port}").parse().expect("an endpoint");
        Visit { endpoint, ..visit(SUSPECT, minutes, Purpose::Deep, exchanges) }
    };
    let apart = (0..5).flat_map(|n| [beside(50002, n, world.honest()), beside(60002, n, coin())]);
    assert_eq!(found_beside(8, apart.collect()), []);
    let one = (0..5).flat_map(|n| [beside(50002, 2 * n, world.honest()), beside(50002, 2 * n + 1, coin())]);
    assert_eq!(names(&found_beside(8, one.collect())), ["I7"]);
}

#[test]
fn who_is_given_many_networks_of_ipv6_has_one_voice() {
    let world = World::new();
    let other = json!(serialize_hex(&mine(&world.headers[0], [9; 32])));
    let lie = || world.lying("C2", 1, &other);
    let network = |number: u8| {
        let speaking = move |minutes| {
            let peer = format!("[2001:db8:{number:x}::1]:50002").parse().ok();
            Visit { peer, ..visit(&accomplice(number), minutes, Purpose::Deep, lie()) }
        };
        (0..5).map(speaking).collect::<Vec<_>>()
    };
    assert_eq!(found_beside(7, (1..20).flat_map(network).collect()), []);
}

#[test]
fn a_burst_of_blocks_is_held_against_nobody_who_was_visited_before_it() {
    let world = World::new();
    let at = |host: &str, minutes, height| {
        visit(host, minutes, Purpose::Light, with_tip(&world, world.honest(), height))
    };
    let suspect = [at(SUSPECT, 0, TIP - 7), at(SUSPECT, 1, TIP - 7)];
    let others = (0..6_i64).map(|number| at(&format!("10.0.{number}.1"), 2 + number % 3, TIP));
    let early = (6..12).map(|number| at(&format!("10.0.{number}.1"), 0, TIP - 7));
    assert_eq!(found_among(suspect.iter().cloned().chain(others.clone()).chain(early).collect()), []);
    assert_eq!(found_among(suspect.into_iter().chain(others).collect()), [], "nobody told of them before");
}
