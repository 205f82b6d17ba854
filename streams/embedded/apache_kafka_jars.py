"""The jars of Apache Kafka, fetched once with Maven, and the Java that runs them."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from models.errors import ConfigurationError

RECIPE = Path(__file__).resolve().parents[2] / "deploy" / "kafka"
"""Holds `pom.xml` and `log4j2.yaml`; part of a checkout, not of an installed package."""

OLDEST_JAVA = 17
FETCH_SECONDS = 900
_STAMP = "complete"
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_DEBIAN = "on Debian: apt-get install maven default-jre-headless"

Say = Callable[[str], None]


def check_java() -> str:
    """The path of a Java that is new enough.

    Raises:
        ConfigurationError: there is none.
    """
    java = shutil.which("java")
    if java is None:
        raise ConfigurationError(f"Apache Kafka needs Java {OLDEST_JAVA} or newer; {_DEBIAN}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = _VERSION.search(said)
    if found is None or int(found[1]) < OLDEST_JAVA:
        version = found[1] if found else "an unknown version"
        raise ConfigurationError(
            f"Apache Kafka needs Java {OLDEST_JAVA} or newer, {java} is {version}; {_DEBIAN}"
        )
    return java


def fetch_jars(folder: Path, say: Say, recipe: Path = RECIPE) -> Path:
    """The folder `jars` under `folder`, filled from the Maven repository if it is not yet.

    Raises:
        ConfigurationError: this is no checkout, Maven is missing, or it cannot fetch.
    """
    folder = folder.resolve()  # Maven takes a relative one from where the pom is
    jars, pom = folder / "jars", recipe / "pom.xml"
    if not pom.is_file():
        raise ConfigurationError(f"{pom} is missing: Apache Kafka is started from a checkout only")
    wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
    stamp = jars / _STAMP
    if stamp.is_file() and stamp.read_text("ascii") == wanted:
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigurationError(f"Maven (mvn) fetches Apache Kafka and is not here; {_DEBIAN}")
    say("fetching Apache Kafka with Maven (54 MB, once) …")
    aside = folder / "jars.new"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    _copy(maven, pom, aside)
    (aside / _STAMP).write_text(wanted, "ascii")
    shutil.rmtree(jars, ignore_errors=True)
    aside.replace(jars)
    return jars


def _copy(maven: str, pom: Path, folder: Path) -> None:
    argv = [maven, "--quiet", "--batch-mode", "-Dstyle.color=never", "--file", str(pom)]
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    try:
        done = subprocess.run(
            [*argv, *goal, f"-DoutputDirectory={folder}"],
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as exc:
        raise ConfigurationError(f"Maven took over {FETCH_SECONDS} s; is it offline?") from exc
    if done.returncode == 0:
        return
    errors = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
    why = errors[0].removeprefix("[ERROR]").strip() if errors else done.stderr.strip()[-300:]
    raise ConfigurationError(
        f"Maven could not fetch Apache Kafka; it needs its repository once, see "
        f"~/.m2/settings.xml for a mirror or proxy. It says: {why[:500]}"
    )
