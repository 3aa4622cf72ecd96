"""Recordings made by PyAV: tones in every format, and what the sample's callers say."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np

from customer_analytics.sample_data import calls

SPOKEN = Path(calls.__file__).parent / "27-call-30.ogg"
"""Made with Debian's flite: "This is ridiculous. I canceled my subscription in March and you still take money ..." """
FORMATS = {"wav": "pcm_s16le", "mp3": "libmp3lame", "m4a": "aac", "ogg": "libopus", "flac": "flac"}
_CONTAINERS = {"m4a": "mp4"}


def tone(seconds: float = 1.0, rate: int = 16_000, channels: int = 1, loudness: float = 0.5) -> np.ndarray:
    """Shape (channels, samples): 440 Hz, each channel an octave above the one before."""
    time = np.arange(int(seconds * rate)) / rate
    return np.stack([loudness * np.sin(2 * np.pi * 440 * 2**c * time) for c in range(channels)]).astype(np.float32)


def encoded(samples: np.ndarray, extension: str, rate: int = 16_000, codec: str | None = None) -> bytes:
    """The samples, shape (channels, samples), as the content of a file of that kind."""
    layout = "mono" if len(samples) == 1 else "stereo"
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=_CONTAINERS.get(extension, extension)) as container:
        stream = container.add_stream(codec or FORMATS[extension], rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = rate
        size = 1024
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            part.pts = None
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()
