"""The API does what its OpenAPI document says, whatever it is sent."""

from collections.abc import Iterator
from typing import Any, cast

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation

from models.desk import Problem, Wanted
from streams.desk.api.app import build
from streams.desk.client import DeskClient
from tests.desk_bench import Bench, bench, task_of

ITEMS = 3000
DOCUMENT = build(cast(Any, None)).openapi()
OPERATIONS = {
    each.label: each
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    if (each := cast(Any, found).ok())
}

OF_THE_TASK = ("POST /v1/leases/{lease}/decide", "POST /v1/admin/gold")
"""Whether labels fit is for the task to say, not for the document."""

positive_data_acceptance, negative_data_rejection = schemathesis.checks.CHECKS.get_by_names(
    ["positive_data_acceptance", "negative_data_rejection"]
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("desk")
    tasks = {"mail": task_of(gold_share=0.2, repeat_share=0.2)}
    with bench(f"sqlite:///{folder / 'desk.sqlite'}", tasks) as b:
        b.arrive(range(ITEMS))
        yield b


@pytest.fixture(scope="module")
def token(here: Bench) -> str:
    return here.token("ann", "admin")


@pytest.fixture(scope="module")
def ann(here: Bench, token: str) -> Iterator[DeskClient]:
    with DeskClient(here.url, token) as client:
        yield client


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_call_answers_as_documented(
    here: Bench, token: str, ann: DeskClient, name: str, mode: GenerationMode
) -> None:
    if name == "GET /v1/health" and mode is GenerationMode.NEGATIVE:
        return  # it takes nothing that could be wrong
    cases = OPERATIONS[name].as_strategy(generation_mode=mode)

    @settings(
        max_examples=15,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def answers(case: Any) -> None:
        here.clock.pass_by(30)  # unknown tokens may be tried again
        valid = mode is GenerationMode.POSITIVE
        if valid and "{lease}" in case.path and (loans := ann.next(Wanted(count=1))):
            case.path_parameters["lease"] = loans[0].lease
        if valid and case.path == "/v1/admin/cancel":
            case.body = {**case.body, "task": "other"}
        header = case.meta.components.get(ParameterLocation.HEADER)
        signed = header is None or header.mode is GenerationMode.POSITIVE
        headers = {"Authorization": f"Bearer {token}"} if signed else None
        answer = case.call(base_url=here.url, headers=headers)
        left_out = [positive_data_acceptance] if name in OF_THE_TASK else []
        left_out += [negative_data_rejection] if answer.status_code == 413 else []
        case.validate_response(answer, excluded_checks=left_out)

    answers()


def test_the_document_names_every_call_and_its_refusals(here: Bench) -> None:
    assert httpx2.get(f"{here.url}/v1/openapi.json", trust_env=False).json() == DOCUMENT
    for path, calls in DOCUMENT["paths"].items():
        for call in calls.values():
            assert path == "/v1/health" or call["security"] == [{"HTTPBearer": []}]
            refusals = [r for status, r in call["responses"].items() if status[0] in "45"]
            assert refusals
            for refusal in refusals:
                shape = refusal["content"]["application/json"]["schema"]["$ref"]
                assert shape.endswith(f"/{Problem.__name__}")
