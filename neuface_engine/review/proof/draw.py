"""The draw of the audit: which sequences, in which order, from a seed that is on record before anybody looks.

The order is that of sha256(seed, name): anybody can make it again with any tool that has sha256, today or in ten years.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from neuface_engine.review.proof.plans import Order


@dataclass(frozen=True)
class Item:
    """A sequence of the released list: its name, the sha256 of its track, and whose face it is ("" = unknown)."""

    name: str
    track_hash: str
    identity: str = ""


def new_seed() -> str:
    """128 random bits, as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def population_bytes(items: Iterable[Item]) -> bytes:
    """The list as a file: one JSON array [name, sha256 of the track, identity] a line, sorted by name."""
    lines = [
        json.dumps([item.name, item.track_hash, item.identity], ensure_ascii=False, separators=(",", ":"))
        for item in sorted(items, key=lambda item: item.name)
    ]
    return "".join(line + "\n" for line in lines).encode()


def population_hash(items: Iterable[Item]) -> str:
    """sha256 of `population_bytes`: names the list and the bytes of all its tracks."""
    return hashlib.sha256(population_bytes(items)).hexdigest()


def items_from_bytes(data: bytes) -> tuple[Item, ...]:
    """The list that `population_bytes` wrote. Raises ValueError where it is damaged."""
    # As one array: of very many lines, each for itself takes ten times as long.
    rows = json.loads(f"[{','.join(data.decode().splitlines())}]")
    for row in rows:
        if not (isinstance(row, list) and len(row) == 3 and all(isinstance(value, str) for value in row)):
            raise ValueError("a line is not [name, hash, identity]")
    return tuple(Item(*row) for row in rows)


def key(seed: str, *words: str) -> str:
    """sha256 of the seed and the words, a line each."""
    return hashlib.sha256("\n".join((seed, *words)).encode()).hexdigest()


def draw_order(items: Sequence[Item], seed: str, order: Order = "sequence") -> list[Item]:
    """All items in the order of the draw.

    "sequence": a uniformly random order. "identity": round by round over identities in a random order, anew in each
    round; who has clips left gives a random one of them. An item without an identity is a person of its own.
    """
    begun = hashlib.sha256(f"{seed}\nclip\n".encode())

    def clip(item: Item) -> bytes:  # `key(seed, "clip", item.name)`, of a hundred thousand in less time
        whole = begun.copy()
        whole.update(item.name.encode())
        return whole.digest()

    by_key = sorted(items, key=clip)
    if order == "sequence":
        return by_key
    given: dict[str, int] = defaultdict(int)
    ranked = []
    for item in by_key:
        who = person(item)
        ranked.append((given[who], key(seed, "round", str(given[who]), who), item))
        given[who] += 1
    return [item for _, _, item in sorted(ranked, key=lambda entry: entry[:2])]


def person(item: Item) -> str:
    """The identity of an item; without one, a person of its own."""
    return f"identity {item.identity}" if item.identity else f"sequence {item.name}"


def balance(items: Sequence[Item], draws: int) -> float:
    """How well rounds over identities represent the list: the least share of a person's clips that is drawn, over the
    mean share. 1 for people with equally many clips; the mean over the largest number where one clip each is drawn.

    The share of failures among the draws is, on average, at least this times the share in the list.
    """
    if not items or not draws:
        return 1.0
    _, clips = np.unique([person(item) for item in items], return_counts=True)
    drawn = np.zeros(len(clips))
    left = min(draws, len(items))
    while left > 0:
        open_to = clips > drawn
        turn = min(left, int(open_to.sum()))
        # The last round goes to some of them at random: on average, this much to each.
        drawn += open_to * (turn / open_to.sum())
        left -= turn
    return float(np.min(drawn / clips) / (min(draws, len(items)) / len(items)))
