"""The connection to a Weaviate server: opened at first use, its failures as sentences with the remedy."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from customer_analytics.addresses import without_credentials
from customer_analytics.resources.vector_store.protocol import VectorStoreError
from customer_analytics.tables import Collection

if TYPE_CHECKING:
    from weaviate import WeaviateClient


class WeaviateConnection:
    """One client, which reconnects after it was closed. Nothing connects before the first `client()`."""

    def __init__(self, url: str, grpc_url: str | None, api_key: str | None) -> None:
        self._http = _address(url, "WEAVIATE_URL", {"http": 80, "https": 443})
        self.url = without_credentials(url)
        secure = self._http[2]
        self._grpc = (
            _address(
                grpc_url if "://" in grpc_url else f"{'https' if secure else 'http'}://{grpc_url}",
                "WEAVIATE_GRPC_URL",
                {"http": 50051, "https": 443},
            )
            if grpc_url
            else (self._http[0], 50051, secure)
        )
        if self._http[:2] == self._grpc[:2]:
            raise VectorStoreError("WEAVIATE_GRPC_URL must be another port than WEAVIATE_URL's: gRPC has its own.")
        self._api_key = api_key
        self._connection: WeaviateClient | None = None
        self._lock = Lock()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def client(self) -> WeaviateClient:
        with self._lock:
            if self._connection is None:
                # What fails here is the server's, whatever collection is asked for.
                with self.errors(None):
                    self._connection = self._connected()
            return self._connection

    def _connected(self) -> WeaviateClient:
        import weaviate
        from weaviate.classes.init import AdditionalConfig, Auth, Timeout

        return weaviate.connect_to_custom(
            *self._http,
            *self._grpc,
            auth_credentials=Auth.api_key(self._api_key) if self._api_key else None,
            additional_config=AdditionalConfig(timeout=Timeout(init=5, query=60, insert=120)),
        )

    @contextlib.contextmanager
    def errors(self, collection: Collection | None) -> Iterator[None]:
        """Weaviate's, gRPC's and the network's errors as one kind, in a sentence with the remedy."""
        try:
            yield
        except VectorStoreError:
            raise
        except Exception as error:
            if not _is_weaviate(error):
                raise
            raise VectorStoreError(self._sentence(collection, error)) from error

    def _sentence(self, collection: Collection | None, error: Exception) -> str:
        from weaviate.exceptions import WeaviateClosedClientError

        text = " ".join(str(getattr(error, "message", error)).split())
        lower = text.lower()
        what = f" on {collection.name}" if collection else ""
        if re.search(r"\b40[13]\b|unauthenticated|unauthorized|permission_?denied|forbidden|anonymous access", lower):
            return f"Weaviate at {self.url} refused the key: check WEAVIATE_API_KEY."
        missing = r"could not find class|class not found|not found in schema|\b404\b|not present in schema"
        if collection and re.search(missing, lower):
            return f"The collection {collection.name} is not there: materialise it, or restore a snapshot of it."
        if isinstance(error, WeaviateClosedClientError):
            self._connection = None
        # The meta endpoint is the first that a client asks: a server without it is no Weaviate.
        away = r"connect|unavailable|grpc health|refused|timed? ?out|deadline|reset|eof|disconnected|meta endpoint"
        if re.search(away, lower):
            return (
                f"Weaviate at {self.url} does not answer{what}: start it, or correct WEAVIATE_URL and "
                f"WEAVIATE_GRPC_URL ({self._grpc[0]}:{self._grpc[1]})."
            )
        return f"Weaviate failed{what}: {text[:500]}"


def _is_weaviate(error: Exception) -> bool:
    import grpc
    import httpx
    from weaviate.exceptions import WeaviateBaseError

    return isinstance(error, (WeaviateBaseError, grpc.RpcError, httpx.HTTPError, OSError))


def _address(url: str, setting: str, ports: dict[str, int]) -> tuple[str, int, bool]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ports or not parts.hostname or port == -1:
        raise VectorStoreError(f"{setting} must be like http://host:port or https://host.")
    return parts.hostname, port or ports[parts.scheme], parts.scheme == "https"


def unless_too_large(fetch: Callable[..., Any], **options: Any) -> list[Any] | None:
    """The objects that a query answers; None when one message of gRPC (100 MB, by default) cannot hold them."""
    from weaviate.exceptions import WeaviateQueryError

    try:
        return fetch(**options).objects
    except WeaviateQueryError as error:
        if "larger than max" in str(error):
            return None
        raise
