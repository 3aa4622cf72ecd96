"""Embeddings by OpenAI, or by any server that speaks its API (OPENAI_BASE_URL)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from customer_analytics.addresses import showable, without_credentials
from customer_analytics.resources.embedder import EmbedderError, refuse_blank
from customer_analytics.resources.embedder.windows import cut

if TYPE_CHECKING:
    import numpy as np

# The API takes 8,192 tokens a text, 300,000 a request and 2,048 texts a request. A token is at least
# one byte, so bytes bound tokens from above without the vocabulary, which is fetched from the network.
LONGEST_BYTES = 8_000
REQUEST_BYTES = 250_000
REQUEST_TEXTS = 2_048


class OpenAIEmbedder:
    """One embedding model of the API. Of a text its first 8,000 bytes count, as `Embedder` says."""

    def __init__(
        self,
        model: str,
        dimension: int,
        api_key: SecretStr | None,
        base_url: str | None = None,
        max_retries: int = 6,
    ) -> None:
        """429, 5xx and broken connections are tried again `max_retries` times with growing pauses, up to 8 s each."""
        self.model = f"openai:{model}:{dimension}"
        self.dimension = dimension
        self._name = model
        self._api_key = api_key
        self._base_url = base_url
        self._max_retries = max_retries

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """As `Embedder.embed`. Raises EmbedderError when the service refuses or cannot be reached."""
        import numpy as np

        refuse_blank(texts)
        vectors = np.empty((len(texts), self.dimension), np.float32)
        done = 0
        for batch in _batches([_beginning(text) for text in texts]):
            vectors[done : done + len(batch)] = self._request(batch)
            done += len(batch)
            if progress:
                progress(done)
        return vectors

    def windows(self, text: str) -> list[str]:
        """As `Embedder.windows`, halved until each is within `LONGEST_BYTES`, so that no character is cut in two."""
        if len(text.encode()) <= LONGEST_BYTES:
            return [text]
        return [part for half in cut(text, -(-len(text) // 2)) for part in self.windows(half) if part.strip()]

    def _request(self, texts: list[str]) -> np.ndarray:
        """The unit vectors of one request, in order, whole or EmbedderError."""
        import numpy as np
        import openai

        try:
            response = self._client.embeddings.create(model=self._name, input=texts, dimensions=self.dimension)
            rows = sorted(response.data, key=lambda row: row.index)
            sizes = {len(row.embedding) for row in rows}
            if not all(sizes):
                raise ValueError("a vector is empty")
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            # Without the cause: its text can quote a part of the key.
            raise EmbedderError(
                f"The embedding service refused the key ({error.status_code}): check OPENAI_API_KEY"
            ) from None
        except openai.NotFoundError as error:
            raise EmbedderError(
                f"The embedding service does not know the model {self._name} (404): check EMBEDDING_MODEL"
            ) from error
        except openai.APIConnectionError as error:
            raise EmbedderError(
                f"The embedding service at {without_credentials(str(self._client.base_url))} cannot be reached: check"
                " the network and OPENAI_BASE_URL"
            ) from showable(error, self._base_url)
        except openai.RateLimitError as error:
            raise EmbedderError(
                f"The embedding service still refuses for too many requests or no quota (429) after"
                f" {self._max_retries} tries again: wait, or check the account's limits"
            ) from error
        except openai.APIStatusError as error:
            raise EmbedderError(
                f"The embedding service answered {error.status_code} for {len(texts)} texts with {self._name}:"
                " check EMBEDDING_MODEL and EMBEDDING_DIMENSIONS, or try again later"
            ) from error
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            raise EmbedderError(
                f"What answers at {without_credentials(str(self._client.base_url))} sends no embeddings"
                f" ({type(error).__name__}): check OPENAI_BASE_URL, which mostly ends in /v1"
            ) from showable(error, self._base_url)
        if [row.index for row in rows] != list(range(len(texts))):
            raise EmbedderError(f"The embedding service sent {len(rows)} vectors for {len(texts)} texts: try again")
        if sizes != {self.dimension}:
            raise EmbedderError(
                f"The embedding service sends vectors of {min(sizes)} dimensions: set EMBEDDING_DIMENSIONS={min(sizes)}"
            )
        vectors = np.array([row.embedding for row in rows], np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise EmbedderError(f"The embedding service sent a vector without direction with {self._name}: try again")
        return vectors / lengths

    @cached_property
    def _client(self) -> Any:
        import openai

        # A server of one's own may want no key, the client always wants one.
        key = self._api_key.get_secret_value() if self._api_key else "none"
        return openai.OpenAI(api_key=key, base_url=self._base_url, max_retries=self._max_retries, timeout=60)


def _beginning(text: str) -> str:
    """As much of the text as is within `LONGEST_BYTES`, in whole characters and not blank."""
    kept = text.encode()[:LONGEST_BYTES].decode(errors="ignore")
    return kept if kept.strip() else _beginning(text.lstrip())


def _batches(texts: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        bytes_ = len(text.encode())
        if batch and (size + bytes_ > REQUEST_BYTES or len(batch) == REQUEST_TEXTS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += bytes_
    if batch:
        yield batch
