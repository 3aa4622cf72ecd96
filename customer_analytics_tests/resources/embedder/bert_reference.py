"""The BERT forward pass in numpy, float64, one text at a time, after the paper and not after our graph.

Attention Is All You Need (Vaswani et al. 2017) and BERT (Devlin et al. 2018), with Gelu by erf; mean of the
tokens, then unit length, as the model's own modules.json says.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from customer_analytics.resources.embedder.minilm_graph import read_safetensors

_erf = np.vectorize(math.erf)


class BertReference:
    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._w = {
            k: v.astype(np.float64)
            for k, v in read_safetensors(folder / "model.safetensors").items()
            if v.dtype == np.float32
        }
        self._config = json.loads((folder / "config.json").read_text())
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(256)

    def embed(self, text: str) -> np.ndarray:
        return self.embed_ids(self._tokenizer.encode(text).ids)

    def embed_ids(self, ids: list[int]) -> np.ndarray:
        w, heads = self._w, self._config["num_attention_heads"]
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(self._config["num_hidden_layers"]):
            p = f"encoder.layer.{layer}."
            q, k, v = (self._dense(x, f"{p}attention.self.{n}") for n in ("query", "key", "value"))
            size = q.shape[1] // heads
            attended = np.empty_like(q)
            for h in range(heads):
                own = slice(h * size, (h + 1) * size)
                scores = q[:, own] @ k[:, own].T / math.sqrt(size)
                weights = np.exp(scores - scores.max(axis=1, keepdims=True))
                attended[:, own] = weights / weights.sum(axis=1, keepdims=True) @ v[:, own]
            x = self._norm(x + self._dense(attended, f"{p}attention.output.dense"), f"{p}attention.output.LayerNorm")
            wide = self._dense(x, f"{p}intermediate.dense")
            wide = wide * 0.5 * (1 + _erf(wide / math.sqrt(2)))
            x = self._norm(x + self._dense(wide, f"{p}output.dense"), f"{p}output.LayerNorm")
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _dense(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._w[f"{name}.weight"].T + self._w[f"{name}.bias"]

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self._config["layer_norm_eps"])
        return centred / scale * self._w[f"{name}.weight"] + self._w[f"{name}.bias"]
