"""Look at every setting and backend, and say in one line each whether it is well, and what to do if not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from customer_analytics.addresses import without_credentials

if TYPE_CHECKING:
    from customer_analytics.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    healthy: bool
    detail: str
    remedy: str = ""


def setting_lines(settings: Settings) -> Iterator[Finding]:
    """Every setting with its value. A secret is only said to be set or not; a URL is shown without credentials."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        shown = ("set" if value else "not set") if isinstance(value, SecretStr) else without_credentials(str(value))
        origin = "set" if name in settings.model_fields_set else "default"
        yield Finding(name.upper(), True, f"{shown} ({origin})" if value is not None else "not set")


def backend_lines(settings: Settings) -> Iterator[Finding]:
    """Every backend, tried out. Nothing raises: what fails becomes a line with its remedy."""
    # Each is made inside of its own look: one that cannot even be made is a finding like any other.
    from customer_analytics.resources.embedder import embedder_from
    from customer_analytics.resources.vector_store import vector_store_from
    from customer_analytics.resources.warehouse import warehouse_from

    yield _python()
    yield _try("home folder", lambda: _home(settings), "choose a writable folder with CUSTOMER_ANALYTICS_HOME")
    yield _try("sources", lambda: _sources(settings), "set SOURCE_URI to the folder of your files")
    yield _try(
        "warehouse",
        lambda: _warehouse(warehouse_from(settings)),
        "check the SNOWFLAKE_ settings, or see logs/ in the home folder for the local Snowflake",
    )
    yield _try(
        "vector store",
        lambda: _vector_store(vector_store_from(settings)),
        "check WEAVIATE_URL, WEAVIATE_GRPC_URL and WEAVIATE_API_KEY, or unset them to use LanceDB",
    )
    yield _try("Dagster storage", lambda: _storage(settings), "check DAGSTER_POSTGRES_URL, or unset it to use SQLite")
    yield _try("embedder", lambda: _embedder(embedder_from(settings)), "check EMBEDDER, and OPENAI_API_KEY with openai")
    yield _try(
        "transcriber",
        lambda: _transcriber(settings),
        "check TRANSCRIBER; TRANSCRIBER=whisper needs the extra: make whisper",
    )
    yield _try("chat", lambda: _chat(settings), "check OPENAI_API_KEY, OPENAI_BASE_URL and CHAT_MODEL")


def _try(name: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name, True, without_credentials(look()))
    except Exception as error:  # noqa: BLE001 - the doctor reports every illness, and goes on to the next
        words = without_credentials(" ".join(str(error).split()))[:300]
        return Finding(name, False, words or type(error).__name__, remedy)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 13)
    return Finding("python", good, version, "" if good else "use Python 3.11 or 3.12")


def _home(settings: Settings) -> str:
    import shutil
    import tempfile

    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=settings.home):
        free = shutil.disk_usage(settings.home).free
    return f"{settings.home}, {free / 2**30:.0f} GiB free"


def _sources(settings: Settings) -> str:
    from upath import UPath

    folder = UPath(settings.sources)
    if not settings.source_uri and not folder.exists():
        return "the sample business, made at the first run"
    names = sorted(entry.name for entry in folder.iterdir())
    if not names:
        raise FileNotFoundError(f"{folder} is empty")
    return f"{folder}: {', '.join(names)}"


def _warehouse(warehouse: Any) -> str:
    row = warehouse.session().sql("SELECT CURRENT_VERSION(), CURRENT_DATABASE(), CURRENT_SCHEMA()").collect()[0]
    return f"{type(warehouse).__name__}, version {row[0]}, {row[1]}.{row[2]}"


def _storage(settings: Settings) -> str:
    from customer_analytics.dagster_home import instance

    try:
        with instance(settings) as storage:
            return f"{'PostgreSQL' if settings.dagster_postgres_url else 'SQLite'}, {storage.get_runs_count()} runs"
    except Exception as error:
        # "Too many retries" says nothing; the reason stands in the first line of what it was raised from.
        raise ConnectionError(str(error.__cause__ or error).partition("\n")[0]) from error


def _embedder(embedder: Any) -> str:
    return f"{embedder.model}, {embedder.embed(['hello']).shape[1]} dimensions"


def _transcriber(settings: Settings) -> str:
    from importlib.util import find_spec

    from customer_analytics.resources.transcriber import transcriber_from

    if settings.transcriber == "whisper" and find_spec("whisper") is None:
        raise ImportError("the package openai-whisper is not installed")
    return transcriber_from(settings).name


def _chat(settings: Settings) -> str:
    from customer_analytics.resources.chat import chat_from

    name = chat_from(settings).name
    if settings.openai_api_key:
        import openai

        key, url = settings.openai_api_key.get_secret_value(), settings.openai_base_url
        try:  # asks for the model's name only, which costs nothing
            openai.OpenAI(api_key=key, base_url=url, timeout=10, max_retries=0).models.retrieve(settings.chat_model)
        except openai.OpenAIError as error:
            # Without its words: a refusal can quote a part of the key.
            raise ConnectionError(f"{name} does not answer ({type(error).__name__})") from None
    return name


def _vector_store(store: Any) -> str:
    from customer_analytics.tables import COLLECTIONS

    counts = [f"{c.name} {store.count(c) if store.exists(c) else 'not built'}" for c in COLLECTIONS]
    return f"{store.name}: {', '.join(counts)}"
