"""The palette, shared by every chart, and the words that figures are shown under."""

INK = "#17323d"
QUIET = "#6b7f88"
GRID = "#e3ecef"
SEA = "#0b6e8a"
AMBER = "#e08e0b"
VIOLET = "#7658a8"
GREEN = "#3b8f5e"
RED = "#c2483d"
GREY = "#a9b8be"

CATEGORIES = (SEA, AMBER, VIOLET, GREEN, RED, "#5b8db8", "#a89425", "#8c6d5a")

SIGNAL_NAMES = {
    "judge_score": "judge score",
    "confidence": "annotator confidence",
    "label_mix": "label mix",
}
SIGNAL_COLOURS = {"judge score": SEA, "annotator confidence": AMBER}

STATE_NAMES = {
    "in_flight": "in flight",
    "dead_lettered": "dead-lettered",
    "sampled_out": "sampled out",
    "over_budget": "over budget",
    "accepted": "accepted",
    "awaiting_review": "awaiting review",
    "expired": "expired",
    "reviewed": "reviewed",
}
STATE_COLOURS = {
    "in flight": "#5b8db8",
    "dead-lettered": RED,
    "sampled out": GREY,
    "over budget": "#a89425",
    "accepted": SEA,
    "awaiting review": AMBER,
    "expired": "#8c6d5a",
    "reviewed": GREEN,
}
