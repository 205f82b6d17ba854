"""Writes the demo's traffic: two streams of messages, of which one changes half-way.

The inbox of a small courier firm gets messages by SMS and through a web form. Half-way a fraud campaign
starts on SMS: the share of unwanted messages rises from about 15 to about 50 %, in words not seen before.
The same seed writes the same file:

    python examples/demo/generate.py > examples/demo/traffic.jsonl
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

PHRASES = Path(__file__).with_name("phrases.yaml")
SLOT = re.compile(r"\{(\w+)\}")
COUNTRIES = {"GB": 0.6, "IE": 0.2, "SG": 0.2}


@dataclass(frozen=True)
class Family:
    """A kind of message.

    Attributes:
        weight: how often it comes, relative to the families of the same label.
        by_hand: share taken from the hand-written lines while there are any.
    """

    name: str
    weight: float
    lines: str
    by_hand: float


GENUINE = (
    Family("customer", 5, "genuine", 0.2),
    Family("driver", 2, "genuine", 0.2),
    Family("colleague", 2, "genuine", 0.2),
    Family("family", 1, "genuine", 0.2),
)
EVERYDAY = (Family("prize", 2, "unwanted", 0.2), Family("offer", 3, "unwanted", 0.2))
CAMPAIGN = (
    *EVERYDAY[:1],
    Family("parcel_fee", 10, "campaign", 0.08),
    Family("new_number", 1.5, "campaign", 0.0),
)


@dataclass(frozen=True)
class Period:
    """A stretch of traffic with one mix.

    Attributes:
        unwanted: share of unwanted messages.
        families: what the unwanted messages are.
        by_sms: share of the unwanted messages that come by SMS.
    """

    messages: int
    unwanted: float
    families: tuple[Family, ...]
    by_sms: float


PERIODS = (Period(180, 0.15, EVERYDAY, 0.6), Period(180, 0.5, CAMPAIGN, 0.93))


class Author:
    """Writes messages from phrases, none twice."""

    def __init__(self, phrases: Mapping[str, Mapping[str, Sequence[str]]], seed: int) -> None:
        """Start with all hand-written lines unused."""
        self._random = random.Random(seed)
        self._words = phrases["words"]
        self._templates = phrases["templates"]
        self._lines = {name: self._shuffled(lines) for name, lines in phrases["lines"].items()}
        self._decks: dict[str, list[str]] = {}
        self._written: set[str] = set()

    def write(self, family: Family) -> str:
        """A message of the family that was not written before."""
        while True:
            text = self._draft(family)
            if text not in self._written:
                self._written.add(text)
                return text

    def _draft(self, family: Family) -> str:
        lines = self._lines[family.lines]
        if lines and self._random.random() < family.by_hand:
            return self._filled(lines.pop())
        text = self._filled(self._next_template(family.name))
        return self._as_typed(text) if family in GENUINE else text

    def _next_template(self, name: str) -> str:
        """Templates come round in random order, so that none is seen much more often."""
        deck = self._decks.setdefault(name, [])
        if not deck:
            deck.extend(self._shuffled(self._templates[name]))
        return deck.pop()

    def _filled(self, template: str) -> str:
        while SLOT.search(template):
            template = SLOT.sub(lambda slot: self._random.choice(self._words[slot[1]]), template)
        return template

    def _as_typed(self, text: str) -> str:
        """The text as people type: some letters swapped or dropped, some capitals gone or stuck."""
        draw = self._random.random()
        if draw < 0.18:
            at = self._random.randrange(1, len(text) - 2)
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        elif draw < 0.3:
            at = self._random.randrange(1, len(text) - 1)
            text = text[:at] + text[at + 1 :]
        elif draw < 0.5:
            text = text[0].upper() + text[1:]
        elif draw < 0.53:
            text = text.upper()
        return " ".join(text.split())

    def _shuffled(self, items: Sequence[str]) -> list[str]:
        return self._random.sample(items, len(items))


def labels_of(period: Period, draw: random.Random) -> list[bool]:
    """For each message of a period whether it is unwanted, the share kept to one message."""
    unwanted = round(period.messages * period.unwanted)
    order = [True] * unwanted + [False] * (period.messages - unwanted)
    draw.shuffle(order)
    return order


def traffic(periods: Sequence[Period], seed: int) -> Iterator[dict[str, object]]:
    """The messages of all periods in order, as sample records."""
    phrases = yaml.safe_load(PHRASES.read_text("utf-8"))
    author, draw = Author(phrases, seed), random.Random(f"tags {seed}")
    number = 0
    for period in periods:
        for unwanted in labels_of(period, draw):
            number += 1
            families = period.families if unwanted else GENUINE
            family = draw.choices(families, [family.weight for family in families])[0]
            by_sms = period.by_sms if unwanted else 0.55
            country = draw.choices(list(COUNTRIES), list(COUNTRIES.values()))[0]
            yield {
                "id": f"msg-{number:04d}",
                "text": author.write(family),
                "reference": "unwanted" if unwanted else "genuine",
                "tags": {"channel": "sms" if draw.random() < by_sms else "web", "country": country},
            }


def main() -> None:
    """Write the traffic to standard output, one JSON record a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=7, help="another seed, other messages")
    seed = parser.parse_args().seed
    for record in traffic(PERIODS, seed):
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
