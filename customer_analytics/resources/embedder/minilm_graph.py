"""all-MiniLM-L6-v2 as an ONNX graph, straight from its safetensors: no torch, no download.

Tokens are rows of one matrix, so that each dense layer is one `Gemm`, which adds its third input while
it multiplies: a bias, or for the output projections the residual, with the projection's bias already in
it (`ahead`). Attention is onnxruntime's own operator (`com.microsoft`). Every text of a run has the
same number of tokens, so that nothing is padded and nothing masked.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

GRAPH_VERSION = 2
"""Part of the cached file's name. Raise it when `build` changes."""
FUSED = "com.microsoft"


def onnx_file(model_dir: Path, cache: Path) -> Path:
    """The model as an ONNX file in `cache`, built when it is not there.

    Its name holds the hash of the weights and that of its own content: a file that was damaged or changed
    would give wrong vectors without a word, so that it is removed and built anew.
    """
    with (model_dir / "model.safetensors").open("rb") as weights:
        name = f"minilm-{hashlib.file_digest(weights, 'sha256').hexdigest()[:16]}-{GRAPH_VERSION}"
    for built in sorted(cache.glob(f"{name}-*.onnx")):
        with built.open("rb") as file:
            if built.stem == f"{name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}":
                return built
        built.unlink(missing_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    content = build(model_dir)
    target = cache / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.onnx"
    # Written aside and moved: a crash or a second process never leaves half a file under the name.
    handle, part = tempfile.mkstemp(dir=cache, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(part, target)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return target


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file by name: an 8-byte length, a JSON header, then the bytes."""
    import numpy as np

    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    types = {"F32": np.float32, "I64": np.int64}
    return {
        name: np.frombuffer(
            content, types[spec["dtype"]], offset=start + spec["data_offsets"][0], count=int(np.prod(spec["shape"]))
        ).reshape(spec["shape"])
        for name, spec in header.items()
    }


def build(model_dir: Path) -> bytes:
    """The serialised model: `input_ids` int64 (texts, tokens), [CLS] and [SEP] included, to unit `embedding`."""
    import numpy as np

    config = json.loads((model_dir / "config.json").read_text())
    weights = read_safetensors(model_dir / "model.safetensors")
    graph = _Graph(epsilon=config["layer_norm_eps"], heads=config["num_attention_heads"])
    layers = [
        {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        for prefix in (f"encoder.layer.{n}." for n in range(config["num_hidden_layers"]))
    ]
    ahead = [layer["attention.output.dense.bias"] for layer in layers] + [np.zeros(config["hidden_size"], np.float32)]
    x = _embeddings(graph, weights, ahead[0])
    for number, layer in enumerate(layers):
        x = _layer(graph, layer, x, f"{number}.", ahead[number + 1])
    _mean_of_tokens(graph, x)
    return graph.serialised(hidden=config["hidden_size"])


def _embeddings(graph: _Graph, weights: dict[str, np.ndarray], ahead: np.ndarray) -> str:
    """The sum of word and position of each token, normalised, as rows. Names the shapes `rows` and `texts` too."""
    import numpy as np

    # Every token is of type 0 here, so that its row is added to each position once and for all.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    hidden = positions.shape[1]
    zero, one, two = (graph.constant(n, np.array([i], np.int64)) for i, n in enumerate(("zero", "one", "two")))
    shape = graph.node("Shape", ["input_ids"])
    graph.node("Concat", [shape, graph.constant("hidden", np.array([hidden], np.int64))], output="texts", axis=0)
    graph.constant("rows", np.array([-1, hidden], np.int64))
    position = graph.node(
        "Slice", [graph.constant("positions", positions), zero, graph.node("Slice", [shape, one, two])]
    )
    words = graph.node("Gather", [graph.constant("words", weights["embeddings.word_embeddings.weight"]), "input_ids"])
    x = graph.node("Reshape", [graph.node("Add", [words, position]), "rows"])
    return graph.norm(x, "embeddings.", weights, "embeddings.LayerNorm", ahead)


def _layer(graph: _Graph, weights: dict[str, np.ndarray], x: str, place: str, ahead: np.ndarray) -> str:
    """One transformer block: attention, then the feed-forward part, each with its residual and norm.

    `x` comes with the bias of the attention's output projection in it, and goes with `ahead`.
    """

    def dense(name: str, x: str, already: np.ndarray) -> str:
        """`already` is in x, and is taken out of the product again by way of the bias."""
        weight = weights[f"{name}.weight"].astype(float)
        bias = weights[f"{name}.bias"] - weight @ already
        return graph.node("Gemm", [x, kernel(name), graph.constant(f"{place}{name}.bias", bias.astype("f4"))])

    def kernel(name: str) -> str:
        return graph.constant(f"{place}{name}.weight", weights[f"{name}.weight"].T)

    already = weights["attention.output.dense.bias"]
    parts = [dense(f"attention.self.{part}", x, already) for part in ("query", "key", "value")]
    parts = [graph.node("Reshape", [part, "texts"]) for part in parts]
    attended = graph.node("MultiHeadAttention", parts, domain=FUSED, num_heads=graph.heads)
    x = graph.node("Gemm", [graph.node("Reshape", [attended, "rows"]), kernel("attention.output.dense"), x])
    already = weights["output.dense.bias"]
    x = graph.norm(x, place, weights, "attention.output.LayerNorm", already)
    wide = graph.node("Gelu", [dense("intermediate.dense", x, already)])
    x = graph.node("Gemm", [wide, kernel("output.dense"), x])
    return graph.norm(x, place, weights, "output.LayerNorm", ahead)


def _mean_of_tokens(graph: _Graph, x: str) -> None:
    """Sum over a text's tokens, then unit length: the count that a mean would divide by cancels out."""
    total = graph.node("ReduceSum", [graph.node("Reshape", [x, "texts"]), "one"], keepdims=0)
    graph.node("Div", [total, graph.node("ReduceL2", [total, "one"], keepdims=1)], output="embedding")


class _Graph:
    """Nodes and constants as they are added, each node named after its place."""

    def __init__(self, *, epsilon: float, heads: int) -> None:
        self.epsilon = epsilon
        self.heads = heads
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, name: str, array: np.ndarray) -> str:
        import numpy as np
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], *, domain: str = "", output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{len(self._nodes)}.{kind}"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def norm(self, x: str, place: str, weights: dict[str, np.ndarray], name: str, ahead: np.ndarray) -> str:
        """Layer normalisation of x, and `ahead` on top."""
        weight = self.constant(f"{place}{name}.weight", weights[f"{name}.weight"])
        bias = self.constant(f"{place}{name}.bias", weights[f"{name}.bias"] + ahead)
        return self.node("LayerNormalization", [x, weight, bias], axis=-1, epsilon=self.epsilon)

    def serialised(self, *, hidden: int) -> bytes:
        from onnx import TensorProto, helper

        graph = helper.make_graph(
            self._nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", hidden])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
