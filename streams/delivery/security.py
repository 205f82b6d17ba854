"""What the security settings mean to Kafka clients: one reading of them for every client."""

import ssl
from typing import Any

from models.errors import ConfigurationError
from models.settings import Security

VARIABLE = "TIDEGAUGE_KAFKA__SECURITY__"


def client_options(security: Security) -> dict[str, Any]:
    """The arguments with which an aiokafka client connects.

    Raises:
        ConfigurationError: a setting is missing, contradicts another, or names an unfit file.
    """
    check_security(security)
    if not uses_password(security):
        options: dict[str, Any] = {}
    else:
        options = {
            "sasl_mechanism": security.mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": security.password.get_secret_value(),
        }
    return {
        "security_protocol": security.protocol,
        "ssl_context": tls_context(security),
        **options,
    }


def uses_password(security: Security) -> bool:
    """The broker asks for a name and a password."""
    return security.protocol.startswith("SASL_")


def uses_tls(security: Security) -> bool:
    """The connection is encrypted."""
    return security.protocol.endswith("SSL")


def check_security(security: Security) -> None:
    """See that the settings belong together.

    Raises:
        ConfigurationError: they do not; the text names the setting.
    """
    for name in ("username", "password"):
        if uses_password(security) and not _text(getattr(security, name)):
            raise ConfigurationError(
                f"{VARIABLE}{name.upper()} is not set, and {VARIABLE}PROTOCOL is "
                f"{security.protocol}, which needs it"
            )
    if not uses_password(security) and security.username:
        raise ConfigurationError(
            f"{VARIABLE}USERNAME is set, but {VARIABLE}PROTOCOL is {security.protocol}, which "
            "sends none; it is SASL_SSL (or SASL_PLAINTEXT) for a broker with passwords"
        )
    for name in ("ca_file", "cert_file", "key_file"):
        if not uses_tls(security) and getattr(security, name) is not None:
            raise ConfigurationError(
                f"{VARIABLE}{name.upper()} is set, but {VARIABLE}PROTOCOL is "
                f"{security.protocol}, without TLS; it is SSL or SASL_SSL with it"
            )
    if security.key_file is not None and security.cert_file is None:
        raise ConfigurationError(f"{VARIABLE}KEY_FILE is set, and {VARIABLE}CERT_FILE is not")


def _text(value: Any) -> str:
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def tls_context(security: Security) -> ssl.SSLContext | None:
    """Whom to trust and what to show; none without TLS. A broker's host name is always checked.

    Raises:
        ConfigurationError: a file cannot be read or is not what it should be.
    """
    if not uses_tls(security):
        return None
    context = _trusting(security)
    if security.cert_file is not None:
        _show_certificate(context, security)
    return context


def _trusting(security: Security) -> ssl.SSLContext:
    path = security.ca_file
    try:
        return ssl.create_default_context(cafile=None if path is None else str(path))
    except ssl.SSLError as exc:
        raise ConfigurationError(
            f"{VARIABLE}CA_FILE: {path} holds no certificate in PEM form ({exc.reason})"
        ) from exc
    except OSError as exc:
        raise ConfigurationError(f"{VARIABLE}CA_FILE: {path}: {exc.strerror}") from exc


def _show_certificate(context: ssl.SSLContext, security: Security) -> None:
    for name in ("cert_file", "key_file"):
        path = getattr(security, name)
        if path is not None and not path.is_file():
            raise ConfigurationError(f"{VARIABLE}{name.upper()}: {path}: no such file")
    assert security.cert_file is not None
    try:
        context.load_cert_chain(
            security.cert_file, security.key_file, security.key_password.get_secret_value
        )
    except (ssl.SSLError, ValueError) as exc:
        raise ConfigurationError(_why_unfit(exc, security)) from exc
    except OSError as exc:
        where = security.key_file or security.cert_file
        raise ConfigurationError(f"{VARIABLE}KEY_FILE: {where}: {exc.strerror}") from exc


def _why_unfit(exc: Exception, security: Security) -> str:
    reason = getattr(exc, "reason", None) or ""
    key = security.key_file or security.cert_file
    if "MISMATCH" in reason:
        return f"{VARIABLE}KEY_FILE: the key in {key} is not that of {security.cert_file}"
    if reason in ("BAD_DECRYPT", "BAD_PASSWORD_READ") or "password" in str(exc):
        return f"{VARIABLE}KEY_PASSWORD does not open the key in {key}"
    return (
        f"{VARIABLE}CERT_FILE: {security.cert_file} and {key} do not hold a certificate and its "
        f"key in PEM form ({reason or exc})"
    )
