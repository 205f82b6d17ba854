"""Why Kafka does not let us in: a client says only that it cannot, so we look for ourselves.

Each address is asked once, step by step: TCP, TLS, name and password, a question. Whoever must mend
a setting gets a `ConfigurationError`; whatever may pass by itself is `BrokerUnavailable`.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from models.errors import BrokerUnavailable, ConfigurationError, TidegaugeError
from models.settings import Kafka, Security
from streams.delivery.security import VARIABLE, client_options, uses_password, uses_tls

SECONDS = 5.0
CLOSING_SECONDS = 1.0
_SELF_SIGNED_OR_UNKNOWN = frozenset({18, 19, 20, 21})
_WRONG_NAME = frozenset({62, 64})
_ENCRYPTED = {"PLAINTEXT": "SSL", "SASL_PLAINTEXT": "SASL_SSL"}
_OPEN = {encrypted: plain for plain, encrypted in _ENCRYPTED.items()}
_WITH_PASSWORD = {"PLAINTEXT": "SASL_PLAINTEXT", "SSL": "SASL_SSL"}
_WITHOUT = {asking: silent for silent, asking in _WITH_PASSWORD.items()}


async def why_unreachable(kafka: Kafka) -> TidegaugeError:
    """The error to raise after a client could not reach Kafka, the most telling one found."""
    found: TidegaugeError | None = None
    for host, port, _ in collect_hosts(kafka.bootstrap):
        where = f"Kafka at {host}:{port}"
        try:
            await _try(kafka.security, host, port, where)
            found = found or BrokerUnavailable(f"{where} did not answer, and does now; try again")
        except ConfigurationError as exc:
            return exc
        except BrokerUnavailable as exc:
            found = exc
    return found or BrokerUnavailable(f"Kafka at {kafka.bootstrap} does not answer")


async def _try(security: Security, host: str, port: int, where: str) -> None:
    await _handshake(host, port, where, None)
    options = client_options(security)
    if uses_tls(security):
        try:
            await _handshake(host, port, where, options["ssl_context"])
        except ssl.SSLCertVerificationError as exc:
            raise _distrust(exc, host, where) from exc
        except (ssl.SSLError, OSError) as exc:
            await _unless_open(security, host, port, where)
            raise BrokerUnavailable(f"{where}: the TLS handshake fails: {exc}") from exc
    try:
        async with _connection(host, port, security) as connection:
            await connection.send(MetadataRequest([]))
    except (KafkaError, OSError, TimeoutError, ValueError) as exc:
        raise await _refusal(exc, security, (host, port), where) from exc


async def _handshake(host: str, port: int, where: str, context: ssl.SSLContext | None) -> None:
    """Connect and hang up; without TLS, whatever fails means that nobody is there."""
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except TimeoutError as exc:
        raise BrokerUnavailable(f"{where} does not answer within {SECONDS:g} s") from exc
    except OSError as exc:
        if context is not None:
            raise
        raise BrokerUnavailable(f"{where} does not answer: {exc.strerror or exc}") from exc
    writer.transport.abort()


@asynccontextmanager
async def _connection(
    host: str, port: int, security: Security
) -> AsyncIterator[AIOKafkaConnection]:
    """A connection of our own, as aiokafka makes them, and surely closed at the end."""
    options = client_options(security)
    made = AIOKafkaConnection(host, port, request_timeout_ms=round(SECONDS * 1000), **options)
    try:
        await made.connect()
        yield made
    finally:
        closed = made.close()
        if made._protocol is not None:
            await asyncio.wait({closed}, timeout=CLOSING_SECONDS)


def _distrust(exc: ssl.SSLCertVerificationError, host: str, where: str) -> TidegaugeError:
    if exc.verify_code in _WRONG_NAME:
        return ConfigurationError(
            f"{where} shows a certificate that is not for {host!r} ({exc.verify_message}); name "
            "the broker in TIDEGAUGE_KAFKA__BOOTSTRAP as its certificate does"
        )
    if exc.verify_code in _SELF_SIGNED_OR_UNKNOWN:
        return ConfigurationError(
            f"{where} shows a certificate of an authority we do not trust "
            f"({exc.verify_message}); set {VARIABLE}CA_FILE to that authority's PEM file"
        )
    return BrokerUnavailable(f"{where} shows an unfit certificate: {exc.verify_message}")


async def _unless_open(security: Security, host: str, port: int, where: str) -> None:
    """See whether the port speaks Kafka without TLS."""
    if await _greets(host, port, Security()):
        raise ConfigurationError(
            f"{where} speaks without TLS, {VARIABLE}PROTOCOL is {security.protocol}; set it to "
            f"{_OPEN[security.protocol]}, or name the TLS port in TIDEGAUGE_KAFKA__BOOTSTRAP"
        )


async def _greets(host: str, port: int, security: Security) -> bool:
    """Whether a broker answers the first question, which needs no password."""
    try:
        async with _connection(host, port, security):
            return True
    except (KafkaError, OSError, TimeoutError):
        return False


async def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        await _handshake(host, port, "", context)
    except ssl.SSLError as exc:
        return "ALERT" in (exc.reason or "")
    except (OSError, BrokerUnavailable):
        return False
    return True


async def _refusal(
    exc: Exception, security: Security, at: tuple[str, int], where: str
) -> TidegaugeError:
    """What it means that a broker which is there broke off or said no."""
    if isinstance(exc, SaslAuthenticationFailed):
        return ConfigurationError(
            f"{where} refuses the user {security.username!r} or its password; set "
            f"{VARIABLE}USERNAME and {VARIABLE}PASSWORD"
        )
    if isinstance(exc, UnsupportedSaslMechanismError):
        offered = await _offered(*at, security)
        return ConfigurationError(
            f"{where} does not take {security.mechanism}; set {VARIABLE}MECHANISM to what it "
            f"takes: {offered}"
        )
    if isinstance(exc, IllegalSaslStateError):
        return ConfigurationError(
            f"{where} asks for no password; set {VARIABLE}PROTOCOL to "
            f"{_WITHOUT[security.protocol]}, or name another port"
        )
    if alert := _tls_alert(exc):
        return ConfigurationError(
            f"{where} refuses our certificate ({alert}); set {VARIABLE}CERT_FILE and "
            f"{VARIABLE}KEY_FILE to ones that its authority signed"
        )
    if not uses_tls(security) and await _speaks_tls(*at):
        return ConfigurationError(
            f"{where} speaks TLS only; set {VARIABLE}PROTOCOL to "
            f"{_ENCRYPTED[security.protocol]}, and {VARIABLE}CA_FILE if its authority is your own"
        )
    return await _silence(exc, security, at, where)


async def _offered(host: str, port: int, security: Security) -> str:
    """The mechanisms that a broker takes, asked without a name."""
    silent = security.model_copy(update={"protocol": _WITHOUT[security.protocol], "username": ""})
    try:
        async with _connection(host, port, silent) as connection:
            answer = await connection.send(SaslHandShakeRequest(security.mechanism))
    except (KafkaError, OSError, TimeoutError) as exc:
        return f"it does not say ({exc})"
    return ", ".join(sorted(answer.enabled_mechanisms)) or "none"


def _tls_alert(exc: BaseException | None) -> str:
    """The word with which the other side ended TLS, after the handshake was done for us."""
    while exc is not None:
        if isinstance(exc, ssl.SSLError) and "ALERT" in (exc.reason or ""):
            return str(exc.reason).lower().replace("_", " ")
        exc = exc.__cause__
    return ""


async def _silence(
    exc: Exception, security: Security, at: tuple[str, int], where: str
) -> TidegaugeError:
    """A broker that answers a greeting, but not a question, waits for a password."""
    if not uses_password(security):
        if not await _greets(*at, security):
            return BrokerUnavailable(f"{where} does not answer as Kafka does: {exc}")
        return ConfigurationError(
            f"{where} asks for a password; set {VARIABLE}PROTOCOL to "
            f"{_WITH_PASSWORD[security.protocol]}, with {VARIABLE}USERNAME and {VARIABLE}PASSWORD"
        )
    return BrokerUnavailable(f"{where} broke off: {exc}")
