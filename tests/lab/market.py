"""Drives the chain of a running lab: payments of many feerates for the nodes' mempools, and blocks that hold some.

What it can be told on standard input:

    pay N     broadcasts N payments; those that a node's relay fee forbids reach the other nodes only
    mine N    mines N blocks, and waits until all nodes have them

May not read or print: the lab does that.
"""

from __future__ import annotations

from typing import Any

from bitcoind import Node, RpcError
from chain import Chain, Coin

FEERATES = (2, 3, 5, 8, 13, 21, 34, 55)
"""In satoshis per virtual byte, in turn."""
VIRTUAL_SIZE = 110  # of a payment: one input and one output, both P2WPKH

# Blocks too small for what is paid let the cheap wait, so that estimators learn that a longer wait costs less.
SMALL_BLOCKS = ["-blockmaxweight=20000"]
# A second node that never sees the cheap ones estimates, and shows a mempool, unlike the first.
DEARER_RELAY = ["-minrelaytxfee=0.00004"]


class Market:
    """The payments of one lab. The same commands make the same transactions in every run."""

    def __init__(self, chain: Chain, nodes: list[Node]) -> None:
        self.chain, self.nodes = chain, nodes
        self.coins = list(chain.coins)
        self.unconfirmed: dict[str, Coin] = {}
        self.paid = 0

    def obey(self, line: str) -> dict[str, Any]:
        """The answer to one line."""
        word, _, number = line.strip().partition(" ")
        action = {"pay": self.pay, "mine": self.mine}.get(word)
        if action is None or not number.isdecimal():
            return {"error": f"{line!r} is not understood: say `pay N` or `mine N`"}
        try:
            return action(int(number))
        except (OSError, RpcError) as error:
            return {"error": str(error)}

    def pay(self, count: int) -> dict[str, Any]:
        """Broadcasts payments, none of which spends an unconfirmed one: estimators ignore those."""
        if count > len(self.coins):
            return {"error": f"only {len(self.coins)} confirmed coins to pay with: mine first"}
        txids = []
        for _ in range(count):
            feerate, self.paid = FEERATES[self.paid % len(FEERATES)], self.paid + 1
            coin = self.coins.pop(0)
            rest = coin.amount - feerate * VIRTUAL_SIZE
            signed = self.chain.signed(coin, [(rest, self.chain.miner.script_hex)], "miner")
            txids.append(self.nodes[0].call("sendrawtransaction", signed))
            self.unconfirmed[txids[-1]] = Coin(txids[-1], 0, rest)
            for other in self.nodes[1:]:  # not left to relay, which waits at random
                try:
                    other.call("sendrawtransaction", signed)
                except RpcError as error:
                    if "min relay fee not met" not in str(error):
                        raise
        return {"paid": txids, "mempool": [len(node.call("getrawmempool")) for node in self.nodes]}

    def mine(self, count: int) -> dict[str, Any]:
        """Mines on the first node."""
        blocks = [block for _ in range(count) for block in self.chain.mine()]
        for block in blocks:
            for txid in self.nodes[0].call("getblock", block)["tx"]:
                if coin := self.unconfirmed.pop(txid, None):
                    self.coins.append(coin)
        best = self.nodes[0].call("getbestblockhash")
        for other in self.nodes[1:]:
            other.reach(best)
        return {"mined": blocks, "tip": {"height": self.nodes[0].call("getblockcount"), "hash": best}}
