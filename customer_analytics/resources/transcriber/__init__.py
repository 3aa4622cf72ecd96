"""The transcriber: speech to text. pocketsphinx, or OpenAI Whisper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from customer_analytics.settings import Settings

SAMPLE_RATE = 16_000


class TranscriberError(Exception):
    """The transcriber cannot work at all, whatever the recording. One sentence with the remedy."""


class Transcriber(Protocol):
    """One speech model. Making one loads nothing, so that it travels to other processes; the first call loads it."""

    name: str
    """Names transcriber and model, such as `whisper:tiny.en`; kept with every transcript."""
    processes: int
    """How many processes should work at once: all cores where one call uses one, one where it uses them all."""

    def transcribe(self, samples: np.ndarray) -> str:
        """What is said in mono float32 samples at 16 kHz, between -1 and 1. Empty where no speech is heard.

        The text depends on these samples alone, not on what was transcribed before.
        """
        ...


def transcriber_from(settings: Settings) -> Transcriber:
    """The transcriber that TRANSCRIBER names."""
    if settings.transcriber == "whisper":
        from customer_analytics.resources.transcriber.whisper import WhisperTranscriber

        return WhisperTranscriber(settings.whisper_model)
    from customer_analytics.resources.transcriber.pocketsphinx import PocketsphinxTranscriber

    return PocketsphinxTranscriber()
