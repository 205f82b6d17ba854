"""`tidegauge review`: the review desk in a terminal, one key for each answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from models.desk import Given, Loan, TaskShown
from models.errors import ConfigurationError
from models.review import REASON_LENGTH
from models.settings import Settings
from streams.cli import review_screen, terminal
from streams.cli.here import settings_here
from streams.cli.keyboard import END, ENTER, ERASE, ESCAPE, Keys, keys_pressed
from streams.desk.client import DeskClient
from streams.desk.keys import AMBIGUOUS, ESCALATE, REASON, SKIP, UNDO, label_keys
from streams.desk.screen import Screen
from streams.desk.sitting import Act, Escalate, Sitting, Skip

TICK_SECONDS = 1.0
LOOK_SECONDS = 10.0


def review(
    task: Annotated[str, typer.Option(help="Texts of this task only.")] = "",
) -> None:
    """Work the review desk in this terminal: one key for each answer, ? for the guidelines.

    Your token is taken from TIDEGAUGE_DESK_TOKEN, or asked for.

    Example: tidegauge review --task delivery_inbox
    """
    settings = settings_here()
    with DeskClient(settings.desk_url, _token(settings)) as desk:
        sitting = Sitting(desk, desk.me(), Screen(time.monotonic))
        sitting.arrive()
        if task and task not in sitting.tasks:
            known = terminal.joined(sorted(sitting.tasks))
            raise ConfigurationError(f"--task {task!r}: the desk serves no such task, but {known}")
        sitting.task = task or None
        with keys_pressed() as keys:
            Review(sitting, keys, terminal.out()).work()
    count = sitting.me.answered_today
    terminal.note(f"bye; {count} answered today, and nothing is left in your hands")


def _token(settings: Settings) -> str:
    given = settings.desk_token.get_secret_value()
    return given or str(typer.prompt("Token", hide_input=True, err=True)).strip()


@dataclass
class Review:
    """One reviewer at a terminal.

    Attributes:
        chosen: labels of the text on the screen, in a multilabel task.
        reason: what goes along with the next answer.
    """

    sitting: Sitting
    keys: Keys
    console: Console
    chosen: tuple[str, ...] = ()
    reason: str = ""
    _lease: str = ""
    _said: tuple[str, str, bool] = ("", "", False)
    _calm: bool = False
    _looked: float = 0.0

    def work(self) -> None:
        """Until the reviewer quits; what is in hand goes back then, whatever ended it."""
        try:
            while self._step():
                pass
        except KeyboardInterrupt:
            self._say(Text())
        finally:
            self._end()

    def _end(self) -> None:
        """Send what is not sent yet, if it can be, and give the rest back."""
        self.sitting.resend()
        if self.sitting.unsent is not None:
            lost = "your last answer did not reach the desk; its text goes back to the queue"
            self._say(Text(lost, style="bold yellow"))
        self.sitting.leave()

    def _step(self) -> bool:
        """Show what is new, wait for a key for a while and do what it asks for."""
        self.sitting.fill()
        self._show()
        key = self.keys(TICK_SECONDS)
        if key is None:
            self._tick()
            return True
        if key.lower() in ("", END, review_screen.QUIT):
            return False
        if self.sitting.away:
            self.sitting.come_back()
        else:
            self._pressed(key.lower())
        return True

    def _tick(self) -> None:
        """What happens without a key."""
        if self.sitting.unsent is not None:
            act = self.sitting.unsent
            self.sitting.resend()
            self._report(act)
        elif self.sitting.beat_due:
            self.sitting.beat()
        if self.sitting.screen.clock() - self._looked >= LOOK_SECONDS:
            self._looked = self.sitting.screen.clock()
            self.sitting.look_around()

    def _show(self) -> None:
        self._tell()
        loan = self.sitting.current
        if loan is None:
            self._lease = ""
            if not (self._calm or self.sitting.trouble or self.sitting.away):
                self._calm = True
                self._say(Text("nothing waits for you; the next text appears here by itself"))
            return
        self._calm = False
        if loan.lease != self._lease:
            self._new(loan)

    def _new(self, loan: Loan) -> None:
        """A text that is not on the screen yet."""
        task = self.sitting.task_of(loan)
        if task is None:
            return  # the desk is away, which was said
        draft = self.sitting.drafts.of(loan)
        self._lease = loan.lease
        self.chosen = draft.labels if draft else self.sitting.suggested(loan)
        self.reason = draft.reason if draft else ""
        self._say(review_screen.item(loan, self.sitting.me))
        self._choices(loan, task)
        self.sitting.screen.appeared(loan.lease)

    def _choices(self, loan: Loan, task: TaskShown) -> None:
        chosen = self.chosen if task.kind == "multilabel" or self.sitting.drafts.of(loan) else ()
        self._say(review_screen.choices(task, chosen, self.sitting.suggested(loan)))
        if self.reason:
            self._say(Text.assemble("reason: ", terminal.visible(self.reason, REASON_LENGTH)))

    def _tell(self) -> None:
        """Say once what must not be missed."""
        sitting = self.sitting
        notice = sitting.notice.text if sitting.notice else ""
        now = (sitting.trouble, notice, sitting.away)
        if now == self._said:
            return
        before, self._said = self._said, now
        if notice and notice != before[1]:
            self._say(Text(terminal.visible(notice, 1000), style="yellow"))
        if sitting.away and not before[2]:
            self._say(
                Text("you were away: the text went back to the queue; any key goes on", "yellow")
            )
        if sitting.trouble and not before[0]:
            kept = "; your answer is kept and sent again" if sitting.unsent is not None else ""
            self._say(Text(f"{terminal.visible(sitting.trouble, 1000)}{kept}", style="yellow"))
        if before[0] and not sitting.trouble:
            self._say(Text("the desk answers again", style="green"))

    def _pressed(self, key: str) -> None:
        if key == UNDO:
            self._undo()
            return
        loan = self.sitting.current
        task = self.sitting.task_of(loan) if loan else None
        if loan is not None and task is not None and self.sitting.takes(loan.lease):
            self._for_text(key, loan, task)

    def _for_text(self, key: str, loan: Loan, task: TaskShown) -> None:
        if key in ENTER:
            self._accept(loan, task)
        elif key in (AMBIGUOUS, SKIP, ESCALATE):
            self._without_label(key, loan)
        elif key in (REASON, review_screen.FIND):
            self._typed(key, loan, task)
        elif key in (review_screen.GUIDELINES, review_screen.ALL):
            asked = key == review_screen.GUIDELINES
            self._say(review_screen.guidelines(task) if asked else review_screen.whole(loan))
            self._choices(loan, task)
        elif (name := _label_at(key, task)) is not None:
            self._label(name, loan, task)

    def _without_label(self, key: str, loan: Loan) -> None:
        if key == AMBIGUOUS:
            seconds = self.sitting.screen.seconds(loan.lease)
            self._send(Given(answer="ambiguous", reason=self.reason, seconds=seconds))
        else:
            self._send((Skip if key == SKIP else Escalate)(self.reason))

    def _label(self, name: str, loan: Loan, task: TaskShown) -> None:
        if task.kind == "multilabel":
            without = tuple(each for each in self.chosen if each != name)
            self.chosen = without if name in self.chosen else (*self.chosen, name)
            self._choices(loan, task)
        else:
            self._decide(loan, (name,))

    def _accept(self, loan: Loan, task: TaskShown) -> None:
        if task.kind == "multilabel":
            self._decide(loan, self.chosen)
        elif suggested := self.sitting.suggested(loan):
            self._decide(loan, suggested)

    def _decide(self, loan: Loan, labels: Sequence[str]) -> None:
        seconds = self.sitting.screen.seconds(loan.lease)
        answer = Given(answer="label", labels=tuple(labels), reason=self.reason, seconds=seconds)
        self._send(answer)

    def _send(self, act: Act) -> None:
        self.sitting.send(act)
        self._report(act)

    def _report(self, act: Act) -> None:
        if self.sitting.unsent is None and self.sitting.notice is None:
            self._say(review_screen.done(act))

    def _undo(self) -> None:
        last = self.sitting.undoable()
        if last is None:
            self._say(Text("nothing to undo: no answer is younger than its undo time", "yellow"))
        elif self.sitting.unsent is None:
            self.sitting.undo(last.past.answer)

    def _typed(self, key: str, loan: Loan, task: TaskShown) -> None:
        """A reason, or the beginning of a label's name."""
        typed = self._line("reason: " if key == REASON else "label: ")
        if typed is None or self.sitting.current is not loan:
            return
        if key == REASON:
            self.reason = typed[:REASON_LENGTH]
            self._choices(loan, task)
            return
        names = [each.name for each in task.labels if each.name.lower().startswith(typed.lower())]
        if len(names) == 1 or typed in names:
            self._label(typed if typed in names else names[0], loan, task)
        else:
            self._say(Text(f"{len(names)} labels begin so", style="yellow"))

    def _line(self, prompt: str) -> str | None:
        """A line as it is typed; null when Escape ends it. Signs of life go on meanwhile."""
        typed = ""
        self.console.print(Text(prompt, style="cyan"), end="")
        while (key := self.keys(TICK_SECONDS)) not in ("", END, ESCAPE):
            if key is None:
                self._tick()
            elif key in ENTER:
                self._say(Text())
                return typed.strip()
            elif key in ERASE:
                self.console.file.write("\b \b" if typed else "")
                self.console.file.flush()
                typed = typed[:-1]
            else:
                typed += key
                self.console.print(terminal.shown(key), end="")
        self._say(Text())
        return None

    def _say(self, what: RenderableType) -> None:
        self.console.print(what)


def _label_at(key: str, task: TaskShown) -> str | None:
    keyed = zip(label_keys(len(task.labels)), task.labels, strict=True)
    return next((label.name for each, label in keyed if each == key), None)
