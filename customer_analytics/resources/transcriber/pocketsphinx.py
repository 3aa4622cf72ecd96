"""CMU pocketsphinx: offline, its English model is in the package, one core per call at about a third of real time."""

from __future__ import annotations

import io
from functools import cached_property
from typing import TYPE_CHECKING, Any

from customer_analytics.resources import cores
from customer_analytics.resources.transcriber import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np

LONGEST_UTTERANCE_SECONDS = 30
"""The search's memory grows with an utterance: speech without a pause is cut here."""
_FRAME_SAMPLES = 480  # 30 ms, Segmenter's own
_BLOCK = 60 * SAMPLE_RATE


class PocketsphinxTranscriber:
    """The package's default model, one utterance between two pauses at a time."""

    name = "pocketsphinx:en-us"

    def __init__(self) -> None:
        self.processes = cores.usable()

    def transcribe(self, samples: np.ndarray) -> str:
        from pocketsphinx import Segmenter

        decoder = self._decoder
        # It adapts to what it hears (set_cmn alone does not undo that): each call starts afresh.
        decoder.reinit_feat()
        heard = []
        longest = LONGEST_UTTERANCE_SECONDS * SAMPLE_RATE * 2
        for segment in Segmenter(sample_rate=SAMPLE_RATE).segment(io.BytesIO(_pcm(samples))):
            for start in range(0, len(segment.pcm), longest):
                decoder.start_utt()
                decoder.process_raw(segment.pcm[start : start + longest], full_utt=True)
                decoder.end_utt()
                hypothesis = decoder.hyp()
                heard.append(hypothesis.hypstr if hypothesis else "")
        return " ".join(text for text in heard if text)

    @cached_property
    def _decoder(self) -> Any:
        from pocketsphinx import Decoder

        return Decoder(loglevel="FATAL")


def _pcm(samples: np.ndarray) -> bytearray:
    """16-bit samples; a quiet recording is brought up to half of full scale, so that pauses are told from speech.

    In blocks, as a call of hours must not stand in memory several times.
    """
    import numpy as np

    peak = max((float(np.abs(samples[i : i + _BLOCK]).max()) for i in range(0, len(samples), _BLOCK)), default=0.0)
    gain = 0.5 / peak if 0 < peak < 0.5 else 1
    # Half a second of silence ends the last utterance. The odd sample after it leaves a short last frame:
    # Segmenter drops the utterance that it is in when the samples end with a whole frame.
    rest = SAMPLE_RATE // 2 + (-len(samples) - SAMPLE_RATE // 2) % _FRAME_SAMPLES + 1
    pcm = bytearray()
    for i in range(0, len(samples), _BLOCK):
        pcm += (np.clip(samples[i : i + _BLOCK] * gain, -1, 1) * 32767).astype("<i2").tobytes()
    return pcm + bytes(2 * rest)
