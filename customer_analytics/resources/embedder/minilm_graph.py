"""all-MiniLM-L6-v2 as an ONNX graph, straight from its safetensors: no torch, no download.

The graph uses onnxruntime's own fused operators (`com.microsoft`): attention with one matrix product
for query, key and value, bias with exact Gelu, and residual with layer normalisation. They are worth
about 1.2x over the standard operators, which its optimizer does not fuse as they come from here.
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

GRAPH_VERSION = 1
"""Part of the cached file's name. Raise it when `build` changes."""
FUSED = "com.microsoft"


def onnx_file(model_dir: Path, cache: Path) -> Path:
    """The model as an ONNX file in `cache`, named after the hash of its weights, built when it is not there."""
    with (model_dir / "model.safetensors").open("rb") as weights:
        digest = hashlib.file_digest(weights, "sha256").hexdigest()[:16]
    target = cache / f"minilm-{digest}-{GRAPH_VERSION}.onnx"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # Written aside and moved: a crash or a second process never leaves half a file under the name.
        handle, part = tempfile.mkstemp(dir=cache, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(build(model_dir))
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
    """The serialised model: `input_ids` int64 and `attention_mask` int32, both (texts, tokens), to unit `embedding`."""
    config = json.loads((model_dir / "config.json").read_text())
    weights = read_safetensors(model_dir / "model.safetensors")
    graph = _Graph(epsilon=config["layer_norm_eps"], heads=config["num_attention_heads"])
    x = _embeddings(graph, weights)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}."
        x = _layer(graph, {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}, x, layer)
    _mean_of_tokens(graph, x)
    return graph.serialised(hidden=config["hidden_size"])


def _embeddings(graph: _Graph, weights: dict[str, np.ndarray]) -> str:
    import numpy as np

    # Every token is of type 0 here, so that its row is added to each position once and for all.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    zero, one, two = (graph.constant(n, np.array([i], np.int64)) for i, n in enumerate(("zero", "one", "two")))
    length = graph.node("Slice", [graph.node("Shape", ["input_ids"]), one, two])
    position = graph.node("Slice", [graph.constant("positions", positions), zero, length, zero])
    words = graph.node("Gather", [graph.constant("words", weights["embeddings.word_embeddings.weight"]), "input_ids"])
    return graph.node(
        "LayerNormalization",
        [
            graph.node("Add", [words, position]),
            graph.constant("norm.weight", weights["embeddings.LayerNorm.weight"]),
            graph.constant("norm.bias", weights["embeddings.LayerNorm.bias"]),
        ],
        axis=-1,
        epsilon=graph.epsilon,
    )


def _layer(graph: _Graph, weights: dict[str, np.ndarray], x: str, number: int) -> str:
    """One transformer block: attention, then the feed-forward part, each with its residual and norm."""
    import numpy as np

    def constant(name: str) -> str:
        array = weights[name]
        return graph.constant(f"{number}.{name}", array.T if array.ndim == 2 else array)

    def project_and_norm(value: str, dense: str, norm: str) -> str:
        projected = graph.node("MatMul", [value, constant(f"{dense}.weight")])
        return graph.node(
            "SkipLayerNormalization",
            [projected, x, constant(f"{norm}.weight"), constant(f"{norm}.bias"), constant(f"{dense}.bias")],
            domain=FUSED,
            epsilon=graph.epsilon,
        )

    parts = [f"attention.self.{n}" for n in ("query", "key", "value")]
    attended = graph.node(
        "Attention",
        [
            x,
            graph.constant(f"{number}.qkv.weight", np.concatenate([weights[f"{p}.weight"].T for p in parts], axis=1)),
            graph.constant(f"{number}.qkv.bias", np.concatenate([weights[f"{p}.bias"] for p in parts])),
            "attention_mask",
        ],
        domain=FUSED,
        num_heads=graph.heads,
    )
    x = project_and_norm(attended, "attention.output.dense", "attention.output.LayerNorm")
    wide = graph.node("MatMul", [x, constant("intermediate.dense.weight")])
    wide = graph.node("BiasGelu", [wide, constant("intermediate.dense.bias")], domain=FUSED)
    return project_and_norm(wide, "output.dense", "output.LayerNorm")


def _mean_of_tokens(graph: _Graph, x: str) -> None:
    """Sum over a text's own tokens, then unit length: the count that a mean would divide by cancels out."""
    from onnx import TensorProto

    mask = graph.node("Unsqueeze", [graph.node("Cast", ["attention_mask"], to=TensorProto.FLOAT), "one"])
    total = graph.node("Squeeze", [graph.node("MatMul", [mask, x]), "one"])
    length = graph.node("ReduceL2", [total, "one"], keepdims=1)
    graph.node("Div", [total, length], output="embedding")


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

    def serialised(self, *, hidden: int) -> bytes:
        from onnx import TensorProto, helper

        shape = ["texts", "tokens"]
        graph = helper.make_graph(
            self._nodes,
            "all-MiniLM-L6-v2",
            [
                helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape),
                helper.make_tensor_value_info("attention_mask", TensorProto.INT32, shape),
            ],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", hidden])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
