"""Writes the demo's traffic: the inbox of a small courier firm, which changes half-way.

Messages come by SMS and through a web form. Half-way a fraud campaign starts on SMS: the share of
unwanted messages rises from 15 to 65 %, in words not seen before. The same seed, the same file:

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
TWO_LETTERS = re.compile(r"(?<=[a-z])[a-z]{2}(?=[a-z])")
STYLES = {"as is": 0.5, "capital": 0.3, "slip": 0.17, "shouted": 0.03}
COUNTRIES = {"GB": 0.6, "IE": 0.2, "SG": 0.2}

Phrases = Mapping[str, Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class Family:
    """A kind of message.

    Attributes:
        name: its templates in the phrases.
        lines: its hand-written lines there.
        weight: how often it comes, relative to its neighbours.
        by_hand: share taken from the hand-written lines while there are any.
        by_sms: share that comes by SMS; the rest comes through the web form.
    """

    name: str
    lines: str
    weight: float
    by_hand: float
    by_sms: float


@dataclass(frozen=True)
class Period:
    """A stretch of traffic with one mix of messages.

    Attributes:
        unwanted: share of unwanted messages, kept exactly.
        families: what the unwanted messages are.
    """

    messages: int
    unwanted: float
    families: tuple[Family, ...]


GENUINE = (
    Family("customer", "genuine", 5, by_hand=0.25, by_sms=0.4),
    Family("driver", "genuine", 2, by_hand=0.25, by_sms=1),
    Family("colleague", "genuine", 2, by_hand=0.25, by_sms=0.9),
    Family("family", "genuine", 1, by_hand=0.25, by_sms=1),
)
PRIZE = Family("prize", "unwanted", 3, by_hand=0.15, by_sms=0.8)
OFFER = Family("offer", "unwanted", 2, by_hand=0.3, by_sms=0.4)
MYSTERY_BOX = Family("mystery_box", "campaign", 11, by_hand=0, by_sms=0.97)
PARCEL_FEE = Family("parcel_fee", "campaign", 5, by_hand=0.15, by_sms=0.97)
NEW_NUMBER = Family("new_number", "campaign", 0.5, by_hand=0, by_sms=1)
PERIODS = (
    Period(160, 0.15, (PRIZE, OFFER)),
    Period(140, 0.65, (PRIZE, OFFER, MYSTERY_BOX, PARCEL_FEE, NEW_NUMBER)),
)


class Author:
    """Writes messages from phrases, none twice."""

    def __init__(self, phrases: Phrases, seed: int) -> None:
        """Start with all hand-written lines unused."""
        self._random = random.Random(seed)
        self._words = phrases["words"]
        self._templates = phrases["templates"]
        self._lines = {name: self._shuffled(lines) for name, lines in phrases["lines"].items()}
        self._decks: dict[str, list[str]] = {}
        self._written: set[str] = set()

    def write(self, family: Family) -> str:
        """A message of the family that was not written before."""
        while (text := self._draft(family)) in self._written:
            pass
        self._written.add(text)
        return text

    def _draft(self, family: Family) -> str:
        lines = self._lines[family.lines]
        if lines and self._random.random() < family.by_hand:
            return self._filled(lines.pop())
        text = self._filled(self._next_template(family.name))
        return self._as_typed(text) if family in GENUINE else text

    def _next_template(self, name: str) -> str:
        """Templates come round in shuffled order, so that none is seen much more often."""
        deck = self._decks.setdefault(name, [])
        if not deck:
            deck.extend(self._shuffled(self._templates[name]))
        return deck.pop()

    def _filled(self, template: str) -> str:
        while SLOT.search(template):
            template = SLOT.sub(lambda slot: self._random.choice(self._words[slot[1]]), template)
        return template

    def _as_typed(self, text: str) -> str:
        """The text as people type: now and then a slip, capitals where they please."""
        style = self._random.choices(list(STYLES), list(STYLES.values()))[0]
        if style == "slip":
            return self._with_slip(text)
        if style == "capital":
            return text[0].upper() + text[1:]
        return text.upper() if style == "shouted" else text

    def _with_slip(self, text: str) -> str:
        """The text with two letters inside a word swapped, or one typed twice."""
        places = [match.start() for match in TWO_LETTERS.finditer(text)]
        if not places:
            return text
        at = self._random.choice(places)
        first, second = text[at], text[at + 1]
        typed = self._random.choice((second + first, first + first + second))
        return text[:at] + typed + text[at + 2 :]

    def _shuffled(self, items: Sequence[str]) -> list[str]:
        return self._random.sample(items, len(items))


def labels_of(period: Period, draw: random.Random) -> list[bool]:
    """For each message of a period whether it is unwanted."""
    unwanted = round(period.messages * period.unwanted)
    labels = [True] * unwanted + [False] * (period.messages - unwanted)
    draw.shuffle(labels)
    return labels


def traffic(periods: Sequence[Period], seed: int) -> Iterator[dict[str, object]]:
    """The messages of all periods in order, as sample records."""
    author = Author(yaml.safe_load(PHRASES.read_text("utf-8")), seed)
    draw = random.Random(f"mix {seed}")
    mix = [(period, unwanted) for period in periods for unwanted in labels_of(period, draw)]
    for number, (period, unwanted) in enumerate(mix, start=1):
        families = period.families if unwanted else GENUINE
        family = draw.choices(families, [each.weight for each in families])[0]
        channel = "sms" if draw.random() < family.by_sms else "web"
        country = draw.choices(list(COUNTRIES), list(COUNTRIES.values()))[0]
        yield {
            "id": f"msg-{number:04d}",
            "text": author.write(family),
            "reference": "unwanted" if unwanted else "genuine",
            "tags": {"channel": channel, "country": country},
        }


def main() -> None:
    """Write the traffic to standard output, one JSON record a line."""
    parser = argparse.ArgumentParser(description="Writes the demo's traffic as JSON lines.")
    parser.add_argument("--seed", type=int, default=7, help="another seed, other messages")
    for record in traffic(PERIODS, parser.parse_args().seed):
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
