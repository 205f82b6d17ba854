"""Every error tidegauge raises on purpose, and the reaction each one causes.

TidegaugeError
├── ConfigurationError     a person must mend a setting or file: one line, exit 78, no restart
├── InvalidRecord          these bytes can never be read as a sample: dead-letter, never retry
├── Unavailable            someone else is down: wait outside all attempt counts, keep the offset
│   ├── ModelUnavailable
│   ├── BrokerUnavailable
│   └── StoreUnavailable
├── ModelTimeout           one attempt ran over its deadline: counts as an attempt
├── ModelRefused           the endpoint refuses this very request: the annotation or verdict failed
├── BadAnswer              the model answered outside the schema: ask once more, then it failed
└── BudgetExhausted        the day's spend cap is reached: the sample is `over_budget`
"""


class TidegaugeError(Exception):
    """Base of all errors raised on purpose; its text is written for a person."""


class ConfigurationError(TidegaugeError):
    """A setting, task file or credential is wrong; the text names it and the fix."""


class InvalidRecord(TidegaugeError):
    """Bytes that can never be read as a sample."""


class Unavailable(TidegaugeError):
    """A dependency cannot be reached now; it says nothing about the record at hand.

    Attributes:
        retry_after: seconds after which asking again makes sense.
    """

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        """Remember when to ask again."""
        super().__init__(message)
        self.retry_after = retry_after


class ModelUnavailable(Unavailable):
    """The model endpoint refuses connections, answers 5xx or 429, or its breaker is open."""


class BrokerUnavailable(Unavailable):
    """No Kafka broker answers."""


class StoreUnavailable(Unavailable):
    """ClickHouse cannot be reached or cannot write now."""


class ModelTimeout(TidegaugeError):
    """The model did not answer within the deadline of one attempt."""


class ModelRefused(TidegaugeError):
    """The endpoint rejects this request for what it contains (HTTP 4xx)."""


class BadAnswer(TidegaugeError):
    """The model's answer does not fit the schema it was given."""


class BudgetExhausted(TidegaugeError):
    """The task's spend cap for the UTC day is reached."""
