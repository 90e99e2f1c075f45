//! What outputs are locked with, and bytes that look like what unlocks them.
//!
//! Hashes are those of the keys and scripts that inputs show. Signatures are chance of the right size: nobody who
//! speaks Electrum's protocol can check them without the outputs they spend, and nobody does.

use bitcoin::{
    PubkeyHash, ScriptBuf, ScriptHash, WPubkeyHash, WScriptHash, Witness,
    hashes::Hash as _,
    opcodes::{
        Opcode,
        all::{OP_CHECKMULTISIG, OP_CHECKSIG, OP_PUSHNUM_1, OP_PUSHNUM_2, OP_PUSHNUM_3},
    },
    script::Builder,
};

use crate::chance::Chance;

/// A type of output script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A bare public key.
    P2pk,
    /// A bare multisig script, one of two.
    Multisig,
    /// The hash of a public key.
    P2pkh,
    /// The hash of a script: a multisig, two of three.
    P2sh,
    /// The witness program of a public key.
    P2wpkh,
    /// The witness program of a script: a multisig, two of three.
    P2wsh,
    /// Taproot.
    P2tr,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 7] =
        [Self::P2pk, Self::Multisig, Self::P2pkh, Self::P2sh, Self::P2wpkh, Self::P2wsh, Self::P2tr];

    /// A type as often as people choose it, nearly: bare scripts are rare, witness programs are not.
    pub(super) fn usual(chance: &mut Chance) -> Self {
        match chance.below(100) {
            0..=1 => Self::P2pk,
            2..=3 => Self::Multisig,
            4..=18 => Self::P2pkh,
            19..=30 => Self::P2sh,
            31..=72 => Self::P2wpkh,
            73..=79 => Self::P2wsh,
            _ => Self::P2tr,
        }
    }
}

/// What an output is locked with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lock {
    pub(super) kind: Kind,
    /// A compressed public key, or bytes that look like one.
    pub(super) key: [u8; 33],
}

impl Lock {
    /// A lock nobody had before.
    pub(super) fn fresh(kind: Kind, chance: &mut Chance) -> Self {
        let mut key = chance.bytes();
        key[0] = 2 + (key[0] & 1);
        Self { kind, key }
    }

    /// The output script.
    pub(super) fn script(&self) -> ScriptBuf {
        match self.kind {
            Kind::P2pk => Builder::new().push_slice(self.key).push_opcode(OP_CHECKSIG).into_script(),
            Kind::Multisig => self.multisig(OP_PUSHNUM_1, OP_PUSHNUM_2, 2),
            Kind::P2pkh => ScriptBuf::new_p2pkh(&PubkeyHash::hash(&self.key)),
            Kind::P2sh => ScriptBuf::new_p2sh(&ScriptHash::hash(self.two_of_three().as_bytes())),
            Kind::P2wpkh => ScriptBuf::new_p2wpkh(&WPubkeyHash::hash(&self.key)),
            Kind::P2wsh => ScriptBuf::new_p2wsh(&WScriptHash::hash(self.two_of_three().as_bytes())),
            Kind::P2tr => {
                let mut output_key = [0; 32];
                output_key.copy_from_slice(&self.key[1..]);
                Builder::new().push_opcode(OP_PUSHNUM_1).push_slice(output_key).into_script()
            }
        }
    }

    /// What an input shows to spend the output.
    pub(super) fn unlock(&self, chance: &mut Chance) -> (ScriptBuf, Witness) {
        let mut witness = Witness::new();
        let mut script_sig = Builder::new();
        match self.kind {
            Kind::P2pk => script_sig = script_sig.push_slice(signature(chance)),
            Kind::Multisig => script_sig = script_sig.push_int(0).push_slice(signature(chance)),
            Kind::P2pkh => script_sig = script_sig.push_slice(signature(chance)).push_slice(self.key),
            Kind::P2sh => {
                let signed =
                    script_sig.push_int(0).push_slice(signature(chance)).push_slice(signature(chance));
                let mut bytes = signed.into_bytes();
                let redeem = self.two_of_three();
                // OP_PUSHDATA1: a script of 105 bytes is too long for a plain push.
                bytes.extend([0x4c, 105]);
                bytes.extend(redeem.as_bytes());
                return (ScriptBuf::from_bytes(bytes), witness);
            }
            Kind::P2wpkh => {
                witness.push(signature(chance));
                witness.push(self.key);
            }
            Kind::P2wsh => {
                witness.push([]);
                witness.push(signature(chance));
                witness.push(signature(chance));
                witness.push(self.two_of_three().as_bytes());
            }
            Kind::P2tr => witness.push(chance.bytes::<64>()),
        }
        (script_sig.into_script(), witness)
    }

    fn two_of_three(&self) -> ScriptBuf {
        self.multisig(OP_PUSHNUM_2, OP_PUSHNUM_3, 3)
    }

    fn multisig(&self, required: Opcode, of: Opcode, keys: u8) -> ScriptBuf {
        let keys = (0..keys).map(|number| {
            let mut key = self.key;
            key[32] ^= number;
            key
        });
        keys.fold(Builder::new().push_opcode(required), Builder::push_slice)
            .push_opcode(of)
            .push_opcode(OP_CHECKMULTISIG)
            .into_script()
    }
}

/// Bytes in the form of an ECDSA signature over everything: DER, with numbers that are positive.
fn signature(chance: &mut Chance) -> [u8; 71] {
    let mut der: [u8; 71] = chance.bytes();
    der[..4].copy_from_slice(&[0x30, 0x44, 0x02, 0x20]);
    der[36..38].copy_from_slice(&[0x02, 0x20]);
    for first in [4, 38] {
        der[first] = (der[first] & 0x7f).max(1);
    }
    der[70] = 0x01;
    der
}

#[cfg(test)]
mod tests {
    use bitcoin::script::Instruction;

    use super::*;

    /// The last thing an input pushes or shows.
    fn shown(script_sig: &ScriptBuf, witness: &Witness) -> Vec<u8> {
        let pushed = script_sig.instructions().last().map(|last| match last {
            Ok(Instruction::PushBytes(bytes)) => bytes.as_bytes().to_vec(),
            other => panic!("{other:?}"),
        });
        pushed.or_else(|| witness.last().map(<[u8]>::to_vec)).expect("something")
    }

    #[test]
    fn what_inputs_show_is_what_outputs_commit_to() {
        let mut chance = Chance::new(1, "test", &[]);
        for kind in Kind::ALL {
            let lock = Lock::fresh(kind, &mut chance);
            let (script_sig, witness) = lock.unlock(&mut chance);
            let shown = shown(&script_sig, &witness);
            let committed = match kind {
                Kind::P2pkh => ScriptBuf::new_p2pkh(&PubkeyHash::hash(&shown)),
                Kind::P2sh => ScriptBuf::new_p2sh(&ScriptHash::hash(&shown)),
                Kind::P2wpkh => ScriptBuf::new_p2wpkh(&WPubkeyHash::hash(&shown)),
                Kind::P2wsh => ScriptBuf::new_p2wsh(&WScriptHash::hash(&shown)),
                Kind::P2pk | Kind::Multisig | Kind::P2tr => {
                    assert_eq!(shown.len(), if kind == Kind::P2tr { 64 } else { 71 });
                    continue;
                }
            };
            assert_eq!(committed, lock.script(), "{kind:?}");
        }
    }

    #[test]
    fn signatures_have_the_form_of_signatures() {
        let mut chance = Chance::new(2, "test", &[]);
        for _ in 0..200 {
            let signature = signature(&mut chance);
            assert!(bitcoin::ecdsa::Signature::from_slice(&signature).is_ok(), "{signature:02x?}");
        }
    }
}
