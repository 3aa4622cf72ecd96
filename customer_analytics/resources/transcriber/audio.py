"""Recordings to samples, by PyAV, which carries its own FFmpeg: any rate, mono or stereo, 8 to 32 bits."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from customer_analytics.resources.transcriber import SAMPLE_RATE

if TYPE_CHECKING:
    import numpy as np

LONGEST_HOURS = 6
"""A longer recording is refused: its samples would not fit in memory beside the model (230 MB an hour)."""
SILENCE = 10 ** (-60 / 20)
"""A recording that is never louder than -60 dB of full scale holds no speech."""
_CONTAINERS = "wav,w64,mp3,mov,mp4,m4a,ogg,flac,aac,aiff,caf,amr,matroska,webm"
"""FFmpeg guesses the kind from the content. Playlists, concat scripts and SDP are kinds too, and a recording that is
one would make it open files and addresses of the recording's choice: containers that hold their own sound alone."""
_WAV_UNKNOWN = 0x7FFF0000
_TRUNCATED = "the recording is cut short: {decoded:.1f} of {declared:.1f} seconds are there"


class BrokenRecording(Exception):
    """Why a recording cannot be transcribed, in words for STG_REJECTED."""


def decode(content: bytes) -> np.ndarray:
    """The recording as mono float32 samples at 16 kHz, between -1 and 1; channels are averaged.

    Raises BrokenRecording for one that is empty, not audio, cut short, silent, or too long.
    """
    import av
    import av.error
    import numpy as np

    if not content:
        raise BrokenRecording("the recording is empty (0 bytes)")
    try:
        options = {"format_whitelist": _CONTAINERS}
        with av.open(io.BytesIO(content), options=options, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise BrokenRecording("the file holds no audio")
            samples, source_seconds, whole = _samples(container)
            stated = not _wav_of_unknown_length(content)
            declared = _declared_seconds(container, content) if stated else None
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise BrokenRecording(f"the file is not audio that can be decoded ({type(error).__name__})") from error
    if not len(samples):
        raise BrokenRecording("the recording holds no sound (0 seconds)")
    if declared is not None and source_seconds < declared - max(0.2, 0.02 * declared):
        raise BrokenRecording(_TRUNCATED.format(decoded=source_seconds, declared=declared))
    if (stated and not whole) or _ogg_without_end(content):
        raise BrokenRecording(f"the recording is cut short after {source_seconds:.1f} seconds")
    if not np.isfinite(samples).all():
        raise BrokenRecording("the recording holds samples that are not numbers")
    if np.abs(samples).max() < SILENCE:
        raise BrokenRecording("the recording is silent")
    return samples


def _samples(container: Any) -> tuple[np.ndarray, float, bool]:
    """The samples, the seconds that the file itself held, and whether every packet was whole."""
    import av
    import av.error
    import numpy as np

    # Mixed by ourselves: the resampler's own way to mono weighs channels by their place in the room.
    resampler = av.AudioResampler(format="fltp", rate=SAMPLE_RATE)
    parts: list[np.ndarray] = []
    seconds, whole = 0.0, True
    for packet in container.demux(container.streams.audio[0]):
        whole = whole and not packet.is_corrupt
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            # A packet cut in two. What came before is counted, so that the reason can say how much is there.
            whole = False
            continue
        for frame in frames:
            seconds += frame.samples / frame.sample_rate
            parts += [part.to_ndarray().mean(axis=0, dtype=np.float32) for part in resampler.resample(frame)]
            if seconds > LONGEST_HOURS * 3600:
                raise BrokenRecording(f"the recording is longer than {LONGEST_HOURS} hours: cut it")
    if parts:
        parts += [part.to_ndarray().mean(axis=0, dtype=np.float32) for part in resampler.resample(None)]
    return np.concatenate(parts) if parts else np.empty(0, np.float32), seconds, whole


def _declared_seconds(container: Any, content: bytes) -> float | None:
    """How long the file says that it is; None where FFmpeg only guesses.

    An MP3 without a Xing or Info frame states no length: FFmpeg takes the first frame's bit rate for all.
    """
    stream = container.streams.audio[0]
    if stream.duration is None or stream.time_base is None:
        return None
    # The frame with the length follows the ID3 tag, which may hold a picture.
    tag = 10 + sum((b & 0x7F) << (7 * i) for i, b in enumerate(reversed(content[6:10]))) if content[:3] == b"ID3" else 0
    start = content[tag : tag + 4096]
    if container.format.name == "mp3" and b"Xing" not in start and b"Info" not in start:
        return None
    return float(stream.duration * stream.time_base)


def _wav_of_unknown_length(content: bytes) -> bool:
    """Whether a WAV says 0, or the greatest number, for its length: what writes to a pipe cannot fill it in later."""
    place = content.find(b"data", 12, 4096)
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE" or place < 0:
        return False
    size = int.from_bytes(content[place + 4 : place + 8], "little")
    return len(content) > place + 8 and (size == 0 or size >= _WAV_UNKNOWN)


def _ogg_without_end(content: bytes) -> bool:
    """Whether an Ogg file stops before the page that is marked as its last (RFC 3533, header_type 0x04)."""
    if not content.startswith(b"OggS"):
        return False
    last = content.rfind(b"OggS")
    header = content[last : last + 27]
    if len(header) < 27:
        return True
    table = content[last + 27 : last + 27 + header[26]]
    return not header[5] & 4 or len(content) < last + 27 + header[26] + sum(table)
