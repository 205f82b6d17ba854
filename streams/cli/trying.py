"""`tidegauge try`: one text through annotator, judge and route, everything shown."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from agents.llm.requests import ChatRequest, Request
from models.annotation import Annotation, Answered, Missing
from models.errors import ConfigurationError
from models.result import Result
from models.settings import Settings
from models.task import Task
from models.task_file import load_task
from models.verdict import Verdict
from streams.cli import terminal
from streams.cli.here import settings_here
from streams.cli.model_choice import KeyOption, ModelOption, model_at
from streams.cli.trial import Trial, try_text
from streams.embedded.parts import Wanted
from streams.embedded.run_file import load_by_path

_PROMPT_SHOWN = 20_000


def try_(
    text: Annotated[str, typer.Argument(help="The text to label.")],
    *,
    task: Annotated[Path | None, typer.Option(help="Task file; else the served task.")] = None,
    model: ModelOption = None,
    key: KeyOption = None,
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Label one text and show everything: prompts, label, scores, judge, route. Stores nothing.

    Starts the local model for the occasion when no endpoint is running or set.

    Example: tidegauge try "You have WON! Call now" --task examples/sms_spam.yaml
    """
    settings = settings_here()
    path, chosen = (task, load_task(task)) if task else served_task(settings)
    wanted = Wanted(store=settings.data, model=model, key=key)

    async def tried() -> Trial:
        async with model_at(settings, wanted, {path: chosen}) as reachable:
            return await try_text(reachable, chosen, text)

    trial = asyncio.run(tried())
    if json_:
        terminal.echo_json(trial.result.model_dump(mode="json"))
    else:
        terminal.out().print(rendered(trial))


def served_task(settings: Settings) -> tuple[Path, Task]:
    """The default task, or the only one served here, and its file.

    Raises:
        ConfigurationError: there is none, or several.
    """
    tasks = load_by_path(settings.tasks)
    for path, task in tasks.items():
        if task.name == settings.default_task or len(tasks) == 1:
            return path, task
    raise ConfigurationError("which task? --task FILE, such as --task examples/sms_spam.yaml")


def rendered(trial: Trial) -> RenderableType:
    """A trial for a terminal, top to bottom as it happened."""
    result = trial.result
    parts: list[RenderableType] = []
    for title, prompts in (
        ("Asked of the annotator", trial.annotator_prompts),
        ("Asked of the judge", trial.judge_prompts),
    ):
        for request in prompts:
            parts += [Text(title, style="bold"), _prompt(request), Text()]
    parts.append(_annotation(result.annotation, result.annotation_missing))
    parts += [Text(), _verdict(result.verdict, result.verdict_missing), Text(), _route(result)]
    return Group(*parts)


def _prompt(request: Request) -> Text:
    if isinstance(request, ChatRequest):
        body = f"{request.system}\n\n{request.user}"
    else:
        body = request.prompt
    lines = [terminal.visible(line, _PROMPT_SHOWN) for line in body.split("\n")]
    return Text("\n".join(f"  │ {line}" for line in lines), style="dim")


def _annotation(annotation: Annotation | None, missing: Missing | None) -> RenderableType:
    if annotation is None:
        return _absent("Annotation", missing)
    said: dict[str, str | Text] = {
        "label": terminal.shown(annotation.label, 200, "bold green"),
        "confidence": _confidence(annotation),
    }
    if annotation.scores:
        ranked = sorted(annotation.scores.items(), key=lambda pair: -pair[1])
        said["P(label)"] = ", ".join(f"{name} {score:.3f}" for name, score in ranked)
    calibrated = "fitted on the task's calibration items" if annotation.calibrator else "none: raw"
    said |= {"annotator": str(annotation.annotator), "calibrator": calibrated}
    return terminal.titled("Annotation", terminal.pairs(said | _answered(annotation)))


def _confidence(annotation: Annotation) -> str:
    if annotation.confidence is None:
        return "none: the annotator gave no number"
    return f"{annotation.confidence:.3f} (source: {annotation.confidence_source})"


def _verdict(verdict: Verdict | None, missing: Missing | None) -> RenderableType:
    if verdict is None:
        return _absent("Verdict", missing)
    said: dict[str, str | Text] = {"P(label correct), raw": f"{verdict.p_correct:.3f}"}
    if verdict.label is not None:
        said["its own label"] = verdict.label
    for score in verdict.scores:
        said[score.criterion.name] = f"{score.score:.2f}  {score.reason}"
    if verdict.reason:
        said["reason"] = verdict.reason
    said["judge"] = f"{verdict.judge}, {verdict.kind}"
    return terminal.titled("Verdict", terminal.pairs(said | _answered(verdict)))


def _answered(answer: Answered) -> dict[str, str | Text]:
    price = "unknown" if answer.price_usd is None else f"${answer.price_usd:.6f}"
    usage = answer.usage
    tokens = f"{_known(usage.input_tokens)} tokens in, {_known(usage.output_tokens)} out"
    took = "" if answer.latency_ms is None else f", {answer.latency_ms:,.0f} ms"
    return {"model": answer.model, "cost": f"{price}, {tokens}{took}"}


def _known(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _absent(what: str, missing: Missing | None) -> RenderableType:
    why = missing.why.replace("_", " ") if missing else "none"
    detail = missing.detail if missing else ""
    said = terminal.pairs({"none": f"{why}{': ' if detail else ''}{detail}"})
    return terminal.titled(what, said)


def _route(result: Result) -> RenderableType:
    said: dict[str, str | Text] = {"state": result.state.replace("_", " ")}
    route = result.route
    if route is not None:
        drawn = "below it, so people review it" if route.lane else "not below it"
        said |= {
            "π (chance of review)": f"{route.propensity:.3f}",
            "draw": f"{route.draw:.3f}: {drawn}",
            "lane": route.lane or "accepted",
            "audit": "yes" if route.audit else "no",
        }
    said["policy"] = str(result.policy)
    return terminal.titled("Route", terminal.pairs(said))
