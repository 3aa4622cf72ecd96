"""docs/licences.md: the licence of every locked package, direct and transitive. `make licences` writes it anew."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
LOCKS = {
    "requirements.lock": "what everybody installs",
    "requirements-whisper.lock": "the extra `whisper`, in addition",
    "requirements-dev.lock": "the extra `dev` (tests and tools), in addition",
}
OF_OTHER_PLACES = {
    "colorama": "BSD-3-Clause",
    "httpx2-jsfetch": "not looked up: only in a browser (emscripten), never installed elsewhere",
    "llvmlite": "BSD-2-Clause AND Apache-2.0 WITH LLVM-exception",
    "more-itertools": "MIT",
    "mpmath": "BSD-3-Clause",
    "networkx": "BSD-3-Clause",
    "numba": "BSD-2-Clause",
    "openai-whisper": "MIT",
    "pyreadline3": "BSD-3-Clause",
    "pywin32": "PSF-2.0",
    "regex": "Apache-2.0 AND CNRI-Python",
    "safetensors": "Apache-2.0",
    "sentence-transformers": "Apache-2.0",
    "sympy": "BSD-3-Clause",
    "tiktoken": "MIT",
    "torch": "BSD-3-Clause",
    "transformers": "Apache-2.0",
    "triton": "MIT",
}
"""Packages of another platform or of the extra `whisper`: an ordinary environment has no metadata of them."""
NVIDIA = re.compile(r"nvidia-|cuda-")


def locked(lock: str) -> dict[str, str]:
    """Package -> version of a lock file."""
    text = (ROOT / lock).read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\n]+)", text, re.M))


def licence(package: str) -> str:
    """What the package says of itself: the SPDX expression, else the short field, else the classifiers."""
    if package in OF_OTHER_PLACES:
        return OF_OTHER_PLACES[package]
    if NVIDIA.match(package):
        return "NVIDIA's own (proprietary, free to use); only with CUDA"
    about = importlib.metadata.metadata(package)
    if expression := about.get("License-Expression"):
        return expression
    classifiers = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    named = ", ".join(c for c in classifiers if c != "OSI Approved")
    field = (about.get("License") or "").strip()
    return named or (field if field and len(field) < 60 and "\n" not in field else "")


def page() -> str:
    """The page. KeyError or PackageNotFoundError for a package that is neither installed nor known."""
    lines = [
        "# Licences of the dependencies",
        "",
        "Every package of the lock files, by what it says of itself. Written by `make licences`; a test compares it",
        "with the lock files. The project itself is under Apache-2.0.",
        "",
    ]
    seen: set[str] = set()
    for lock, what in LOCKS.items():
        new = {name: version for name, version in locked(lock).items() if name not in seen}
        seen |= set(new)
        lines += [f"## `{lock}`: {what}", "", "| package | version | licence |", "|---|---|---|"]
        lines += [f"| {name} | {version} | {licence(name)} |" for name, version in sorted(new.items())]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
