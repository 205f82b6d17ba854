"""House rules that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("models", "agents", "streams", "dashboard")
MODULES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
EVERYTHING = [*MODULES, *TESTS, *sorted((ROOT / "benchmarks").rglob("*.py"))]

LINES = 400
LINES_OF_ANY_FILE = 500
ONE_PLACE_FOR_ALL_COLUMNS = "models/rows.py"
FUNCTION_LINES = 60
VAGUE = re.compile(r"(Manager|Helper|Handler|Util|Utils|Impl)$")
UNFINISHED = re.compile(r"#.*\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module)


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_a_file_is_finished_and_imports_absolutely(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LINES_OF_ANY_FILE or named(path) == ONE_PLACE_FOR_ALL_COLUMNS
    assert not UNFINISHED.findall(text)
    assert not [name for name in imports(tree(path)) if name.startswith(".")]


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    module = tree(path)
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LINES or named(path) == ONE_PLACE_FOR_ALL_COLUMNS
    assert not module.body or ast.get_docstring(module), "a docstring opens every module"


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_functions_are_short_and_names_say_something(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES, node.name
        if isinstance(node, ast.ClassDef):
            assert not VAGUE.search(node.name), node.name
    assert path.stem not in {"utils", "util", "helpers", "misc", "common"}


def test_only_the_settings_read_the_environment() -> None:
    reads = re.compile(r"\bos\.(environ|getenv)\b|\bfrom os import .*(environ|getenv)")
    readers = {named(path) for path in MODULES if reads.search(path.read_text("utf-8"))}
    passes_its_own_on_to_children = "streams/embedded/parts.py"
    assert readers <= {"models/settings.py", passes_its_own_on_to_children}


def test_every_test_lies_where_its_subject_does() -> None:
    own = {"browser", "contracts", "integration", "drills"}
    folders = {path.parent.relative_to(ROOT / "tests") for path in TESTS}
    strays = [f for f in folders if f.parts and f.parts[0] not in own and not (ROOT / f).is_dir()]
    assert not strays
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_every_module_is_reached_by_a_test_or_holds_its_own() -> None:
    """A test imports or names it, or something that does; the rest is untested or dead."""
    modules = {dotted(path): path for path in MODULES}
    reached = {name for path in TESTS for name in spoken_of(path, modules)}
    frontier = set(reached)
    while frontier:
        found = {name for one in frontier for name in spoken_of(modules[one], modules)}
        frontier = found - reached
        reached |= frontier
    own = {name for name, path in modules.items() if ">>> " in path.read_text("utf-8")}
    own |= {name for name, path in modules.items() if path.name == "__init__.py"}
    assert not sorted(modules.keys() - reached - own)


def dotted(path: Path) -> str:
    """Its name in an import; a package stands for what it hands on."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def spoken_of(path: Path, modules: dict[str, Path]) -> set[str]:
    """Modules that a file imports, or names in a command, a path or a registry of a package."""
    text = path.read_text("utf-8")
    packages = tuple(f"{package}." for package in re.findall(r'f"([\w.]+)\.\{', text))
    named_ones = {name for name, place in modules.items() if name in text or named(place) in text}
    registered = {name for name in modules if packages and name.startswith(packages)}
    return named_ones | registered | (set(imports(tree(path))) & modules.keys())
