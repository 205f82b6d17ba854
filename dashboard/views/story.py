"""One sample's whole story: what came in, what it came to, who looked, what went wrong."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import parts, states, words
from dashboard.tables import score_column, table, time_column
from dashboard.theme import SIGNAL_NAMES, STATE_NAMES
from dashboard.view import View
from streams.store.figures.story import Row, Story
from streams.store.figures.story import story as told


def render(view: View, sample_key: str) -> None:
    """Draws the story of the sample that the address names."""
    st.button("All samples", icon=":material/arrow_back:", type="tertiary", on_click=_close)
    found = told(view.store, sample_key)
    st.header("Sample", anchor=False)
    if not found.known:
        st.text(words.visible(f"No sample is stored under the key {sample_key[:80]!r}."))
        st.caption("It may still be on its way, or be older than what is kept.")
        return
    _content(found)
    _numbers(found)
    _events(view, found)
    if found.result:
        _answers(view, found.result)
    _everything(found)


def _close() -> None:
    st.query_params.pop("sample", None)


def state_of(found: Story) -> str:
    """The sample's state: the latest of what its records say."""
    ended = {row["state"] for row in found.outcomes}
    if ended:
        return "reviewed" if "reviewed" in ended else "expired"
    if found.result:
        return str(found.result["state"])
    return "dead_lettered" if found.dead_letters else "in_flight"


def _content(found: Story) -> None:
    sample = found.sample or {}
    st.text(words.visible(f"id {sample.get('id') or words.DASH}  ·  key {found.sample_key}"))
    st.badge(STATE_NAMES[state_of(found)], color="blue")
    for name in ("text", "context", "response"):
        if sample.get(name):
            st.caption(name)
            st.code(words.visible(sample[name]), language=None, wrap_lines=True)
    tags = "   ".join(f"{name}={value}" for name, value in (sample.get("tags") or {}).items())
    if tags:
        st.text(words.visible(f"tags: {tags}"))
    if sample.get("reference"):
        st.text(words.visible(f"known label: {' + '.join(sample['reference'])}"))
    st.caption("The address of this page is this sample's own link.")


def _numbers(found: Story) -> None:
    result = found.result
    if result is None:
        return
    st.text(words.visible(f"Label: {result['label'] or 'none, see below'}"))
    prices = [result["annotation_price_usd"], result["verdict_price_usd"]]
    known = [price for price in prices if price is not None]
    parts.cards(
        [
            parts.Card(
                "Confidence", words.decimal(result["confidence"]),
                f"by {result['confidence_source']}" if result["confidence_source"] else "none",
                "P(label correct) by the annotator's own account.",
            ),
            parts.Card(
                "Judge score", words.decimal(result["judge_score"]), "raw, one sample",
                "The judge's P(label correct), before any calibration by the policy.",
            ),
            parts.Card(
                "P(correct), calibrated", words.decimal(result["p_correct"]), "by the policy",
                "What the policy makes of the judge's score.",
            ),
            parts.Card(
                "Probability of review", words.decimal(result["propensity"]),
                f"drawn {words.decimal(result['draw'])}",
                "Recorded before the draw: people review the sample when the draw is below it.",
            ),
            parts.Card(
                "Cost", words.dollars(sum(known) if known else None),
                "all priced" if len(known) == len(prices) else "not all prices known",
                "Annotation and verdict.",
            ),
        ]
    )  # fmt: skip


def _events(view: View, found: Story) -> None:
    st.subheader("What happened", anchor=False)
    frame = events(view, found)
    table(frame, "story", {"at": time_column("when")})


def events(view: View, found: Story) -> pd.DataFrame:
    """Everything that happened to the sample, in order: at, what, detail."""
    told_so_far: list[tuple[datetime, str, str]] = []
    if found.sample:
        s = found.sample
        readable = "" if s["readable"] else ", unreadable"
        where = f"{s['topic']} partition {s['partition']} offset {s['offset']}{readable}"
        told_so_far.append((s["event_time"], "arrived", where))
    if found.result:
        told_so_far.extend(_result_events(view, found.result))
    told_so_far.extend((d["decided_at"], "decided", _decision(d)) for d in found.decisions)
    told_so_far.extend((o["at"], o["state"], _outcome(o)) for o in found.outcomes)
    told_so_far.extend(
        (d["at"], "dead letter", f"{d['stage']}: {d['error']}: {d['detail']}")
        for d in found.dead_letters
    )
    told_so_far.extend(
        (r["event_time"], "repeat", f"{r['topic']} partition {r['partition']} offset {r['offset']}")
        for r in found.repeats
    )
    told_so_far.extend(
        (a["at"], "cited by an alarm", f"{SIGNAL_NAMES.get(a['signal'], a['signal'])},"
         f" {a['slice'] or 'all traffic'}, {a['state']}")
        for a in found.alarms
    )  # fmt: skip
    frame = pd.DataFrame(told_so_far, columns=["at", "what", "detail"])
    return frame.sort_values("at", kind="stable", ignore_index=True)


def _result_events(view: View, result: Row) -> list[tuple[datetime, str, str]]:
    at = result["stored_at"]
    if result["annotation_id"]:
        model = view.model_name(result["annotator_model"])
        annotated = f"{result['label']} by {result['annotator']} with {model}"
    else:
        annotated = f"{result['annotation_missing']}: {result['annotation_detail']}"
    if result["verdict_id"]:
        judged = f"{words.decimal(result['judge_score'])} by {result['judge']}"
        judged += f" with {view.model_name(result['judge_model'])}"
    else:
        judged = f"{result['verdict_missing']}: {result['verdict_detail']}"
    lane = f"lane {result['lane']}" if result["lane"] else "accepted"
    audit = ", audited" if result["audit"] else ""
    routed = f"{lane}{audit}, policy {result['policy']}@{result['policy_hash']}"
    return [(at, "annotated", annotated), (at, "judged", judged), (at, "routed", routed)]


def _decision(decision: Row) -> str:
    who = f"{decision['reviewer']}{' (simulated)' if decision['simulated'] else ''}"
    answer = decision["label"] if decision["answer"] == "label" else decision["answer"]
    as_senior = ", adjudicating" if decision["role"] == "adjudication" else ""
    seen = ", the suggestion before their eyes" if decision["suggestion_shown"] else ""
    reason = f": {decision['reason']}" if decision["reason"] else ""
    return f"{answer} by {who}{as_senior}{seen}{reason}"


def _outcome(outcome: Row) -> str:
    number = outcome["answers"]
    mark = " (simulated)" if outcome["simulated"] else ""
    rests = f"{number} {'decision' if number == 1 else 'decisions'}{mark}"
    if outcome["state"] != "reviewed":
        return f"nobody decides it any more; {rests} so far"
    label = "ambiguous" if outcome["ambiguous"] else outcome["label"]
    return f"{label}, by {rests}{_how(outcome)}"


def _how(outcome: Row) -> str:
    if outcome["adjudicated"]:
        return ", a senior had the last word"
    if outcome["answers"] == 1:
        return ""
    return ", all agreed" if outcome["agreed"] else ", they differed"


def _answers(view: View, result: Row) -> None:
    left, right = st.columns(2, gap="medium")
    with left, parts.panel("Annotation", "What the annotator said."):
        _described(
            {
                "annotator": f"{result['annotator']}@{result['annotator_hash']}",
                "model": view.model_name(result["annotator_model"]),
                "task version": f"{result['task_version']}@{result['task_hash']}",
                "from the cache": "yes" if result["cached"] else "no",
                "latency": _milliseconds(result["annotation_latency_ms"]),
            }
        )
        scores = pd.DataFrame(result["scores"].items(), columns=["label", "score"])
        if len(scores):
            scores = scores.sort_values("score", ascending=False)
            table(scores, "label-scores", {"score": score_column("P(label)")})
    with right, parts.panel("Verdict", "What the judge said."):
        _described(
            {
                "judge": f"{result['judge']}@{result['judge_hash']}",
                "kind": result["judge_kind"].replace("_", " "),
                "model": view.model_name(result["judge_model"]),
                "its own label": result["judge_label"] or words.DASH,
                "latency": _milliseconds(result["verdict_latency_ms"]),
            }
        )
        if result["judge_reason"]:
            st.text(words.visible(result["judge_reason"]))
        _criteria(result)


def _criteria(result: Row) -> None:
    columns = ("criteria", "criterion_versions", "criterion_scores", "criterion_reasons")
    rows = list(zip(*(result[name] for name in columns), strict=True))
    if rows:
        frame = pd.DataFrame(rows, columns=["criterion", "version", "score", "reason"])
        table(frame, "criteria", {"score": score_column("score")})


def _described(pairs: dict[str, str]) -> None:
    for name, value in pairs.items():
        left, right = st.columns([2, 5], gap="small")
        left.caption(name)
        right.text(words.visible(value))


def _milliseconds(value: float | None) -> str:
    return words.DASH if value is None else f"{value:,.0f} ms"


def _everything(found: Story) -> None:
    with st.expander("Every stored field"):
        records = [
            (name, column, _plain(value))
            for name, row in (("sample", found.sample), ("result", found.result))
            for column, value in (row or {}).items()
        ]
        if records:
            table(pd.DataFrame(records, columns=["record", "field", "value"]), "fields")
        else:
            states.none("Only dead letters are stored.")


def _plain(value: Any) -> str:
    return words.DASH if value is None else str(value)
