"""The transcriber: speech to text. pocketsphinx, or OpenAI Whisper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 16_000


class Transcriber(Protocol):
    """One speech model."""

    name: str
    """Names transcriber and model, such as `whisper:tiny.en`; kept with every transcript."""

    def transcribe(self, samples: np.ndarray) -> str:
        """What is said in mono float32 samples at 16 kHz, between -1 and 1."""
        ...
