"""The groups of commands of the command line, and what every command needs: settings, errors in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from customer_analytics.addresses import without_credentials

if TYPE_CHECKING:
    from customer_analytics.settings import Settings


def load_settings() -> Settings:
    """The settings, or exit with the name of the wrong one."""
    from pydantic import ValidationError

    from customer_analytics.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in problem["loc"]).upper()
            fail(": ".join(filter(None, [name, problem["msg"].removeprefix("Value error, ")])), code=2, leave=False)
        raise typer.Exit(2) from None


def fail(message: str, code: int = 1, leave: bool = True) -> None:
    """Say what is wrong on standard error, and leave with `code`. What a library says can quote a whole URL."""
    typer.secho(without_credentials(" ".join(message.split())), fg="red", err=True)
    if leave:
        raise typer.Exit(code)


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Whatever goes wrong inside reaches the user as one sentence."""
    try:
        yield
    except (typer.Exit, typer.Abort, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - the outermost frame: the user gets a sentence, not a traceback
        fail(f"{error}" or type(error).__name__)
