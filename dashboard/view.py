"""What a page is given, and how it draws a region that keeps itself fresh."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from dashboard import states
from dashboard.filters import Filters
from models.errors import ConfigurationError, StoreUnavailable, TidegaugeError
from models.settings import Settings
from streams.store.client import Store
from streams.store.figures.scope import Scope

REFRESH_SECONDS = 10
SCRIPTED = "scripted"


@dataclass(frozen=True)
class View:
    """Everything a page draws from."""

    store: Store
    settings: Settings
    filters: Filters

    @property
    def scope(self) -> Scope:
        """The traffic to show; its end moves with the clock while the range is relative."""
        return self.filters.scope(datetime.now(UTC))

    def model_name(self, model: str) -> str:
        """A model's name as shown; scripted ones say so, they are never real models."""
        endpoints = [self.settings.model, *self.settings.endpoints.values()]
        scripted = any(e.kind == SCRIPTED and e.model == model for e in endpoints)
        return f"{model} (scripted, not a real model)" if scripted else model

    @property
    def scripted(self) -> bool:
        """The running instance asks a scripted model."""
        return any(
            e.kind == SCRIPTED for e in (self.settings.model, *self.settings.endpoints.values())
        )


def live(view: View, body: Callable[[View], None]) -> None:
    """Draws a region and draws it anew every ten seconds while live refresh is on."""
    every = REFRESH_SECONDS if view.filters.live else None

    @st.fragment(run_every=every)
    def region() -> None:
        try:
            body(view)
        except StoreUnavailable as problem:
            states.store_down(view.settings.clickhouse.url, problem)
        except ConfigurationError as problem:
            states.needs_mending(problem)
        except TidegaugeError as problem:
            states.refused(problem)

    region()
