"""Builds the chain of the lab: the same keys, addresses, amounts, heights and transaction ids in every run.

Only the times of the blocks, and so their hashes, differ: the newest must look fresh. No wallet is involved:
transactions are written here and signed by bitcoind. May not start processes.
"""

from __future__ import annotations

import hashlib
import re
import struct
import time
from dataclasses import asdict, dataclass
from typing import Any

from bitcoind import Node

COIN = 100_000_000
SUBSIDY = 50 * COIN  # halves at height 150, beyond what is spent here
FEE = 1_000
COINS = 240  # outputs of one transaction, whose count is written as one byte
MATURITY_HEIGHT = 112  # the first dozen coinbases can be spent in the next block
SPACING = 600
TIP_HEIGHT = 130

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True)
class Target:
    """Something that can be paid."""

    address: str | None
    script_hex: str
    scripthash: str

    @classmethod
    def of(cls, script_hex: str, address: str | None = None) -> Target:
        """Adds what the Electrum protocol knows the script by."""
        return cls(address, script_hex, hashlib.sha256(bytes.fromhex(script_hex)).digest()[::-1].hex())


@dataclass(frozen=True)
class Coin:
    """An output that the miner can spend."""

    txid: str
    vout: int
    amount: int


def wif(label: str) -> str:
    """A private key made from a label, in the form bitcoind reads. Worth nothing outside regtest."""
    payload = b"\xef" + hashlib.sha256(f"electrum lab {label}".encode()).digest() + b"\x01"
    payload += hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, digits = int.from_bytes(payload, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return digits


def transaction(coin: Coin, outputs: list[tuple[int, str]]) -> str:
    """An unsigned transaction with one input. Written here because createrawtransaction pays addresses only,
    and two of the script types have none."""
    parts = [struct.pack("<iB", 2, 1), bytes.fromhex(coin.txid)[::-1],
             struct.pack("<IBI", coin.vout, 0, 0xFFFFFFFD),
             struct.pack("<B", len(outputs))]
    for amount, script_hex in outputs:
        script = bytes.fromhex(script_hex)
        parts.append(struct.pack("<qB", amount, len(script)) + script)
    return b"".join(parts).hex() + "00000000"


class Chain:
    """The chain of a running node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.start = int(time.time()) - TIP_HEIGHT * SPACING
        self.unspent: list[Coin] = []
        self.coins: list[Coin] = []
        self.miner = self.described(f"wpkh({wif('miner')})")

    def build(self) -> dict[str, Any]:
        """Mines and pays everything; gives what the tests need to know of it."""
        blocks = self.mine_until(MATURITY_HEIGHT)
        self.unspent = [Coin(self.node.call("getblock", block)["tx"][0], 0, SUBSIDY) for block in blocks[:12]]

        scripts: dict[str, dict[str, Any]] = {}
        targets = [(name, target, number * COIN + number)
                   for number, (name, target) in enumerate(self.targets().items(), start=1)]
        for group in (targets[:3], targets[3:5], targets[5:]):  # several in a block: merkle branches to prove
            txids, height = self.block([self.pay(target, amount) for _, target, amount in group])
            for (name, target, amount), txid in zip(group, txids):
                scripts[name] = {**asdict(target), "txid": txid, "height": height, "amount_sat": amount}

        history, unconfirmed = self.history()
        self.coins = self.change()
        self.mine_until(TIP_HEIGHT)
        self.node.call("setmocktime", 0)
        unconfirmed["txid"] = self.node.call("sendrawtransaction", unconfirmed.pop("hex"))
        return {"scripts": scripts, "history": history, "mempool": unconfirmed}

    def targets(self) -> dict[str, Target]:
        """One of each script type."""
        public = self.public
        return {
            "p2pkh": self.described(f"pkh({wif('p2pkh')})"),
            "p2sh": self.described(f"sh(wpkh({wif('p2sh')}))"),
            "p2wpkh": self.described(f"wpkh({wif('p2wpkh')})"),
            "p2wsh": self.described(f"wsh(multi(1,{wif('p2wsh')},{wif('p2wsh second')}))"),
            "p2tr": self.described(f"tr({wif('p2tr')})"),
            "p2pk": Target.of(f"21{public('p2pk')}ac"),
            "multisig": Target.of(f"5121{public('multisig')}21{public('multisig second')}52ae"),
        }

    def history(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """One address that receives twice, spends, and is about to receive again."""
        target = self.described(f"wpkh({wif('history')})")
        entries: list[dict[str, Any]] = []

        def confirm(signed: str) -> str:
            (txid,), height = self.block([signed])
            entries.append({"txid": txid, "height": height})
            return txid

        first, second, spent, awaited = 3 * COIN, 2 * COIN, COIN, COIN // 2
        source = Coin(confirm(self.pay(target, first)), 0, first)
        confirm(self.pay(target, second))
        confirm(self.signed(source, [(spent, self.miner.script_hex),
                                     (first - spent - FEE, target.script_hex)], "history"))
        history = {**asdict(target), "transactions": entries, "unconfirmed_sat": awaited,
                   "confirmed_sat": first + second - spent - FEE}
        return history, {"hex": self.pay(target, awaited), "fee_sat": FEE, "amount_sat": awaited}

    def pay(self, target: Target, amount: int) -> str:
        """A signed transaction from the oldest unspent coinbase."""
        return self.signed(self.unspent.pop(0), [(amount, target.script_hex),
                                                 (SUBSIDY - amount - FEE, self.miner.script_hex)], "miner")

    def change(self) -> list[Coin]:
        """Breaks a coinbase into many coins, for payments that do not depend on each other."""
        amount = (SUBSIDY - 10 * FEE) // COINS
        outputs = [(amount, self.miner.script_hex)] * COINS
        (txid,), _ = self.block([self.signed(self.unspent.pop(0), outputs, "miner")])
        return [Coin(txid, vout, amount) for vout in range(COINS)]

    def signed(self, coin: Coin, outputs: list[tuple[int, str]], label: str) -> str:
        """A transaction that spends a coin, signed with the key of the label."""
        signed = self.node.call("signrawtransactionwithkey", transaction(coin, outputs), [wif(label)])
        assert signed["complete"], signed
        return str(signed["hex"])

    def block(self, transactions: list[str]) -> tuple[list[str], int]:
        """Mines exactly these, past any relay policy (bare multisig is one that nodes refuse to relay)."""
        height = self.node.call("getblockcount") + 1
        self.node.call("setmocktime", self.start + height * SPACING)
        block = self.node.call("generateblock", self.miner.address, transactions)["hash"]
        return self.node.call("getblock", block)["tx"][1:], height

    def mine_until(self, height: int) -> list[str]:
        """Mines empty blocks, ten minutes apart, as headers on a real network are."""
        blocks = []
        for each in range(self.node.call("getblockcount") + 1, height + 1):
            self.node.call("setmocktime", self.start + each * SPACING)
            blocks += self.mine()
        return blocks

    def mine(self) -> list[str]:
        """Mines one block, now."""
        return list(self.node.call("generatetoaddress", 1, self.miner.address))

    def described(self, descriptor: str) -> Target:
        """What a descriptor with private keys stands for."""
        checksum = self.node.call("getdescriptorinfo", descriptor)["checksum"]
        (address,) = self.node.call("deriveaddresses", f"{descriptor}#{checksum}")
        return Target.of(self.node.call("validateaddress", address)["scriptPubKey"], address)

    def public(self, label: str) -> str:
        """The compressed public key of a label's private key."""
        found = re.match(r"pk\((\w{66})\)", self.node.call("getdescriptorinfo", f"pk({wif(label)})")["descriptor"])
        assert found
        return found[1]
