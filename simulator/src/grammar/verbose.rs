//! Transactions as Bitcoin Core describes them (`getrawtransaction` with verbosity 1), which most servers pass on.

use bitcoin::{
    Address, Network, Opcode, Script, Transaction, TxIn, TxOut, block::Header, consensus::encode,
    opcodes::all, script::Instruction,
};
use data_encoding::HEXLOWER;

use super::{answer::block_hash, json::Json};
use crate::node::View;

/// The block that holds a transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    /// As it is shown.
    hash: String,
    confirmations: u32,
    /// Seconds since 1970.
    time: u32,
}

impl Block {
    /// The block at a height.
    pub(crate) fn at(view: &View, height: u32) -> Option<Self> {
        let header: Header = encode::deserialize(&view.header(height)?).ok()?;
        block_hash(view, height)?;
        let confirmations = view.height().saturating_sub(height) + 1;
        Some(Self { hash: header.block_hash().to_string(), confirmations, time: header.time })
    }
}

/// The description of a transaction, in Bitcoin Core's order.
pub(crate) fn json(transaction: &Transaction, hex: &str, block: Option<&Block>) -> Json {
    let inputs = transaction.input.iter().map(|input| self::input(transaction, input)).collect();
    let outputs = transaction.output.iter().enumerate().map(|(n, output)| self::output(n, output)).collect();
    let mut members: Vec<(String, Json)> = [
        ("txid", Json::text(transaction.compute_txid().to_string())),
        ("hash", Json::text(transaction.compute_wtxid().to_string())),
        ("version", Json::from(i64::from(transaction.version.0))),
        ("size", Json::from(transaction.total_size() as u64)),
        ("vsize", Json::from(transaction.vsize() as u64)),
        ("weight", Json::from(transaction.weight().to_wu())),
        ("locktime", Json::from(transaction.lock_time.to_consensus_u32())),
        ("vin", Json::List(inputs)),
        ("vout", Json::List(outputs)),
        ("hex", Json::text(hex)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(block) = block {
        members.extend(
            [
                ("blockhash", Json::text(&block.hash)),
                ("confirmations", Json::from(block.confirmations)),
                ("time", Json::from(block.time)),
                ("blocktime", Json::from(block.time)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
    }
    Json::Object(members)
}

fn input(transaction: &Transaction, input: &TxIn) -> Json {
    let mut members = match transaction.is_coinbase() {
        true => vec![("coinbase", hex(input.script_sig.as_bytes()))],
        false => {
            let script = Json::object([
                ("asm", Json::Text(asm(&input.script_sig, true))),
                ("hex", hex(input.script_sig.as_bytes())),
            ]);
            vec![
                ("txid", Json::text(input.previous_output.txid.to_string())),
                ("vout", Json::from(input.previous_output.vout)),
                ("scriptSig", script),
            ]
        }
    };
    if !input.witness.is_empty() {
        members.push(("txinwitness", Json::List(input.witness.iter().map(hex).collect())));
    }
    members.push(("sequence", Json::from(input.sequence.0)));
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn output(n: usize, output: &TxOut) -> Json {
    let script = &output.script_pubkey;
    let address = Address::from_script(script, Network::Regtest).ok();
    let described = match &address {
        Some(address) if !script.is_p2tr() => format!("addr({address})"),
        _ if script.is_p2tr() => format!("rawtr({})", HEXLOWER.encode(&script.as_bytes()[2..])),
        _ => format!("raw({})", HEXLOWER.encode(script.as_bytes())),
    };
    let mut members = vec![
        ("asm", Json::Text(asm(script, false))),
        ("desc", Json::Text(format!("{described}#{}", checksum(&described)))),
        ("hex", hex(script.as_bytes())),
    ];
    members.extend(address.map(|address| ("address", Json::text(address.to_string()))));
    members.push(("type", Json::text(kind(script))));
    let script = Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    Json::object([
        ("value", Json::Float(output.value.to_btc())),
        ("n", Json::from(n as u64)),
        ("scriptPubKey", script),
    ])
}

fn hex(bytes: &[u8]) -> Json {
    Json::Text(HEXLOWER.encode(bytes))
}

fn kind(script: &Script) -> &'static str {
    match script {
        script if script.is_p2pk() => "pubkey",
        script if script.is_p2pkh() => "pubkeyhash",
        script if script.is_p2sh() => "scripthash",
        script if script.is_p2wpkh() => "witness_v0_keyhash",
        script if script.is_p2wsh() => "witness_v0_scripthash",
        script if script.is_p2tr() => "witness_v1_taproot",
        script if script.is_op_return() => "nulldata",
        script if script.is_multisig() => "multisig",
        script if script.as_bytes() == [0x51, 0x02, 0x4e, 0x73] => "anchor",
        script if script.is_witness_program() => "witness_unknown",
        _ => "nonstandard",
    }
}

/// A script in Bitcoin Core's words. In input scripts, what looks like a signature names its type.
fn asm(script: &Script, signatures: bool) -> String {
    let word = |instruction| match instruction {
        Ok(Instruction::Op(op)) => opcode(op),
        Ok(Instruction::PushBytes(bytes)) if bytes.len() <= 4 => number(bytes.as_bytes()),
        Ok(Instruction::PushBytes(bytes)) => {
            let bytes = bytes.as_bytes();
            let is_signature = signatures && bytes.len() > 60 && bytes.first() == Some(&0x30);
            match bytes.split_last() {
                Some((1, signature)) if is_signature => format!("{}[ALL]", HEXLOWER.encode(signature)),
                _ => HEXLOWER.encode(bytes),
            }
        }
        Err(_) => "[error]".to_owned(),
    };
    script.instructions().map(word).collect::<Vec<_>>().join(" ")
}

fn opcode(op: Opcode) -> String {
    match op {
        all::OP_PUSHNUM_NEG1 => "-1".to_owned(),
        op if (0x51..=0x60).contains(&op.to_u8()) => (op.to_u8() - 0x50).to_string(),
        op => op.to_string(),
    }
}

/// Pushes of up to four bytes are shown as the numbers they are.
fn number(bytes: &[u8]) -> String {
    let Some((last, rest)) = bytes.split_last() else { return "0".to_owned() };
    let magnitude =
        rest.iter().chain([&(last & 0x7f)]).rev().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
    if last & 0x80 == 0 { magnitude.to_string() } else { (-magnitude).to_string() }
}

/// The checksum of a descriptor (BIP-380).
fn checksum(descriptor: &str) -> String {
    const INPUT: &str =
        "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
    const OUTPUT: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u64; 5] =
        [0x00f5_dee5_1989, 0x00a9_fdca_3312, 0x001b_ab10_e32d, 0x0037_06b1_677a, 0x0064_4d62_6ffd];
    let step = |sum: u64, value: u64| {
        let top = sum >> 35;
        let shifted = (sum & 0x07_ffff_ffff) << 5 ^ value;
        GENERATOR
            .iter()
            .enumerate()
            .filter(|(bit, _)| top >> bit & 1 == 1)
            .fold(shifted, |sum, (_, part)| sum ^ part)
    };
    let (mut sum, mut class, mut count) = (1, 0, 0);
    for c in descriptor.chars() {
        let place = INPUT.find(c).unwrap_or_default() as u64;
        sum = step(sum, place & 31);
        class = class * 3 + (place >> 5);
        count += 1;
        if count == 3 {
            sum = step(sum, class);
            (class, count) = (0, 0);
        }
    }
    if count > 0 {
        sum = step(sum, class);
    }
    let sum = (0..8).fold(sum, |sum, _| step(sum, 0)) ^ 1;
    (0..8)
        .map(|place| char::from(OUTPUT[usize::try_from(sum >> (5 * (7 - place)) & 31).unwrap_or_default()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a real bitcoind's description of its own transactions.
    #[test]
    fn descriptors_have_bitcoind_checksums() {
        assert_eq!(checksum("addr(mwdbGgZnMwMX5DeVs826YrnvBiEstGU2a6)"), "n4eqfw2c");
        assert_eq!(checksum("addr(mhEyg4WTcPN2ZD7QX6ZPtnvtRwaXYU92tW)"), "cyadxqj5");
    }

    #[test]
    fn scripts_are_put_in_bitcoind_words() {
        let script = |hex: &str| bitcoin::ScriptBuf::from_hex(hex).expect("hex");
        let p2pkh = script("76a914b0c35fe74dab722c5a07fada9bd2c856fc6a564b88ac");
        let words = "OP_DUP OP_HASH160 b0c35fe74dab722c5a07fada9bd2c856fc6a564b OP_EQUALVERIFY OP_CHECKSIG";
        assert_eq!((asm(&p2pkh, false).as_str(), kind(&p2pkh)), (words, "pubkeyhash"));
        let taproot = script(&format!("5120{}", "ab".repeat(32)));
        assert_eq!(asm(&taproot, false), format!("1 {}", "ab".repeat(32)));
        assert_eq!(asm(&script("02e803"), false), "1000");
        assert_eq!(asm(&script("00"), false), "0");
    }
}
