"""Every setting, typed, with its default. Nothing else in the project reads the environment.

Values come from the environment, then from `.env` in the working directory. None is needed:
with nothing set, everything runs embedded under `CUSTOMER_ANALYTICS_HOME`.
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_LOG_INS: dict[str, tuple[str, ...]] = {
    "": ("user",),
    "snowflake": ("user", "password"),
    "https": ("user", "password"),
    "username_password_mfa": ("user", "password"),
    "snowflake_jwt": ("user", "private_key_path"),
    "externalbrowser": ("user",),
    "oauth": ("token",),
    "programmatic_access_token": ("token",),
}
"""SNOWFLAKE_AUTHENTICATOR -> the other settings that it needs."""


def _is_postgres_url(text: str) -> bool:
    """Whether it is one that is read as it was meant: else a part of the password counts as the host, and is shown."""
    try:
        url = urlsplit(text)
        host = url.hostname or "host=" in url.query  # a socket
        return bool(
            url.scheme in ("postgres", "postgresql", "postgresql+psycopg2") and host and url.port != 0
            and url.netloc.count("@") <= 1 and "@" not in url.path + url.fragment and not url.fragment
        )  # fmt: skip
    except ValueError:  # a port that is no number
        return False


class Settings(BaseSettings):
    """The settings of one process. A wrong or half-given one raises `pydantic.ValidationError` that names it."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True, frozen=True,
        hide_input_in_errors=True,  # Dagster shows the whole error where the code location does not load
    )  # fmt: skip

    # Where things are
    customer_analytics_home: Path = Field(
        default=Path(".customer_analytics"), description="Folder of everything that the embedded default keeps"
    )
    source_uri: str | None = Field(
        default=None, description="Folder or fsspec URI of the source files; default: the sample business, made once"
    )

    # Warehouse: SNOWFLAKE_ACCOUNT selects a real account, otherwise the local Snowflake
    snowflake_account: str | None = Field(
        default=None, description="Account identifier, such as myorg-account1; setting it selects Snowflake"
    )
    snowflake_user: str | None = Field(default=None, description="User of the account")
    snowflake_password: SecretStr | None = Field(
        default=None, description="Password, where no key, token or browser is used"
    )
    snowflake_private_key_path: Path | None = Field(
        default=None, description="Private key (PEM, PKCS#8) for key-pair authentication"
    )
    snowflake_private_key_passphrase: SecretStr | None = Field(
        default=None, description="Passphrase of that key, where it has one"
    )
    snowflake_authenticator: str | None = Field(
        default=None,
        description="externalbrowser, oauth, snowflake_jwt, programmatic_access_token, username_password_mfa, ...",
    )
    snowflake_token: SecretStr | None = Field(
        default=None, description="Token, with SNOWFLAKE_AUTHENTICATOR=oauth or programmatic_access_token"
    )
    snowflake_role: str | None = Field(default=None, description="Role to use; default the user's own")
    snowflake_warehouse: str | None = Field(default=None, description="Virtual warehouse that computes")
    snowflake_database: str = Field(default="CUSTOMER_ANALYTICS", description="Database of the tables")
    snowflake_schema: str = Field(default="ANALYTICS", description="Schema of the tables")
    snowflake_statement_timeout_seconds: int = Field(
        default=3600, ge=1, description="A statement that takes longer is cancelled"
    )
    local_snowflake_idle_minutes: float = Field(
        default=15, gt=0, description="The local Snowflake stops when nobody has been connected for so long"
    )

    local_snowflake_statement_log: Path | None = Field(
        default=None, description="File that gets one JSON line for each statement of the local Snowflake"
    )

    # Vector store: WEAVIATE_URL selects Weaviate, otherwise LanceDB in a folder
    weaviate_url: str | None = Field(
        default=None, description="http://host:8080 or https://...; setting it selects Weaviate"
    )
    weaviate_grpc_url: str | None = Field(
        default=None, description="host:50051; default: the host of WEAVIATE_URL, port 50051"
    )
    weaviate_api_key: SecretStr | None = Field(default=None, description="API key of that Weaviate")

    # Models of language and speech
    embedder: Literal["minilm", "openai"] = Field(default="minilm", description="minilm (on this machine) or openai")
    embedding_model: str = Field(default="text-embedding-3-small", description="With EMBEDDER=openai")
    embedding_dimensions: int = Field(default=512, ge=8, description="With EMBEDDER=openai")
    transcriber: Literal["pocketsphinx", "whisper"] = Field(
        default="pocketsphinx", description="pocketsphinx, or whisper (extra `whisper`)"
    )
    whisper_model: str = Field(
        default="tiny.en", description="With TRANSCRIBER=whisper: its model, or the path of a checkpoint"
    )
    openai_api_key: SecretStr | None = Field(default=None, description="With it, questions are answered by CHAT_MODEL")
    openai_base_url: str | None = Field(default=None, description="Another server that speaks OpenAI's API")
    chat_model: str = Field(default="gpt-4o-mini", description="Model that answers questions")

    # Rules
    as_of: dt.date | None = Field(
        default=None, description="The day (UTC) from which everything is seen; default today"
    )
    ltv_horizon_days: int = Field(default=182, ge=1, description="Days of spend that the lifetime-value model predicts")
    max_rejected_share: float = Field(
        default=0.05, ge=0, le=1, description="Above it, rejected rows block what follows"
    )
    sentiment_min_auc: float = Field(
        default=0.75, ge=0.5, le=1, description="A sentiment model below it never becomes champion"
    )
    ltv_min_gini: float = Field(
        default=0.0, ge=-1, le=1, description="A lifetime-value model whose backtest ranks worse never becomes champion"
    )
    pseudonymise_customers: bool = Field(default=False, description="Names in the PRES_ tables become pseudonyms")
    seed: int = Field(default=20180409, description="Seed of everything that is drawn at random while training")

    # Running
    executor: Literal["in_process", "multiprocess", "k8s"] = Field(
        default="in_process", description="in_process, multiprocess or k8s"
    )
    dagster_port: int = Field(default=3000, ge=1, le=65535, description="Port of the Dagster UI")
    dashboard_port: int = Field(default=8501, ge=1, le=65535, description="Port of the dashboard")
    dagster_url: str | None = Field(
        default=None, description="Where people reach the Dagster UI; default the local one"
    )
    dagster_postgres_url: SecretStr | None = Field(
        default=None, description="PostgreSQL for Dagster's storage; default SQLite"
    )
    service_needs_warehouse: bool = Field(
        default=False,
        description="In a deployment: without an account, wait for the local Snowflake, and never start one",
    )
    max_concurrent_runs: int | None = Field(
        default=None, ge=1, description="Runs at a time; default 10 with an account, else 1"
    )
    log_format: Literal["plain", "json"] = Field(
        default="plain", description="What services write: plain lines, or one JSON object a line"
    )
    failure_webhook_url: SecretStr | None = Field(default=None, description="Failed runs are posted here")

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        self._check_snowflake()
        if (self.weaviate_api_key or self.weaviate_grpc_url) and not self.weaviate_url:
            raise ValueError("WEAVIATE_API_KEY or WEAVIATE_GRPC_URL is set but WEAVIATE_URL is not: set it, or neither")
        if self.dagster_postgres_url and not _is_postgres_url(self.dagster_postgres_url.get_secret_value()):
            raise ValueError(
                "DAGSTER_POSTGRES_URL must be like postgresql://user:password@host:5432/database, with @ / ? # of the "
                "password written as %40 %2F %3F %23"
            )
        if self.embedder == "openai" and not (self.openai_api_key or self.openai_base_url):
            raise ValueError("EMBEDDER=openai needs OPENAI_API_KEY (or OPENAI_BASE_URL for a server of your own)")
        return self

    def _check_snowflake(self) -> None:
        """ValueError when what is needed to log in is missing, or does not go together."""
        credentials = [
            name for name in ("user", "password", "private_key_path", "authenticator", "token")
            if getattr(self, f"snowflake_{name}")
        ]  # fmt: skip
        if self.snowflake_private_key_passphrase and not self.snowflake_private_key_path:
            raise ValueError("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE is set but SNOWFLAKE_PRIVATE_KEY_PATH is not")
        if not self.snowflake_account:
            if credentials:
                raise ValueError(
                    f"SNOWFLAKE_{credentials[0].upper()} is set but SNOWFLAKE_ACCOUNT is not: set both, or neither"
                )
            return
        way = (self.snowflake_authenticator or "").lower()
        needed = _LOG_INS.get("https" if way.startswith("https://") else way)
        if needed is None:
            raise ValueError(
                "SNOWFLAKE_AUTHENTICATOR is none that this project can use: leave it out, or set it to one of "
                + ", ".join(filter(None, _LOG_INS))
                + " (https: the address of your Okta)"
            )
        if not self.snowflake_user and "user" in needed:
            raise ValueError("SNOWFLAKE_ACCOUNT is set but SNOWFLAKE_USER is not: set both, or neither")
        if not way and not (self.snowflake_password or self.snowflake_private_key_path):
            raise ValueError(
                "SNOWFLAKE_ACCOUNT is set without a way to log in: set SNOWFLAKE_PASSWORD, "
                "SNOWFLAKE_PRIVATE_KEY_PATH or SNOWFLAKE_AUTHENTICATOR"
            )
        for name in ("password", "private_key_path", "token"):
            if name in needed and name not in credentials:
                raise ValueError(f"SNOWFLAKE_AUTHENTICATOR={way} needs SNOWFLAKE_{name.upper()}")
        if self.snowflake_private_key_path:
            if way not in ("", "snowflake_jwt"):
                raise ValueError(f"SNOWFLAKE_PRIVATE_KEY_PATH and SNOWFLAKE_AUTHENTICATOR={way} exclude each other")
            if not self.snowflake_private_key_path.expanduser().is_file():
                raise ValueError("SNOWFLAKE_PRIVATE_KEY_PATH names no file that can be found")
        if self.snowflake_token and "token" not in needed:
            raise ValueError("SNOWFLAKE_TOKEN is set: set SNOWFLAKE_AUTHENTICATOR=oauth beside it")
        if not self.snowflake_warehouse:
            raise ValueError("SNOWFLAKE_ACCOUNT is set but SNOWFLAKE_WAREHOUSE is not")

    @cached_property
    def home(self) -> Path:
        """`CUSTOMER_ANALYTICS_HOME`, absolute."""
        return self.customer_analytics_home.expanduser().resolve()

    @cached_property
    def reference_date(self) -> dt.date:
        """`AS_OF`, or today (UTC)."""
        return self.as_of or dt.datetime.now(dt.UTC).date()

    @cached_property
    def sources(self) -> str:
        """`SOURCE_URI`, or the folder of the sample business."""
        return self.source_uri or str(self.home / "sample")
