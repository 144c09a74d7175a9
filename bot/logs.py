"""Logs: one line an event, without what people wrote and without addresses."""

from __future__ import annotations

import logging
import sys
from traceback import extract_tb
from types import TracebackType

import structlog

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def set_up(*, quiet: bool = False) -> None:
    """Send our events and those of the libraries to standard error."""
    level = logging.WARNING if quiet else logging.INFO
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True),
            structlog.processors.ExceptionRenderer(trace),
            structlog.dev.ConsoleRenderer(colors=False) if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(logging.BASIC_FORMAT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)


def trace(exc_info: ExcInfo) -> str:
    """What went wrong and where, without what the errors say of it: `KeyError('my private words')`."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        lines[:0] = [*_places(error), type(error).__qualname__, *_parts(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


def _places(error: BaseException) -> list[str]:
    frames = extract_tb(error.__traceback__)
    return [f"  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in frames]


def _parts(error: BaseException) -> list[str]:
    if not isinstance(error, BaseExceptionGroup):
        return []
    return [trace((type(part), part, part.__traceback__)) for part in error.exceptions]


class _Formatter(logging.Formatter):
    """The same for whoever logs by the standard library."""

    def formatException(self, ei: object) -> str:
        """See `trace`."""
        return trace(ei)  # type: ignore[arg-type]  # the standard library's idea of the same triple
