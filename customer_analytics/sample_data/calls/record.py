"""How the recordings were made: spoken by Debian's flite from scripts.json, encoded by PyAV. Needed only to make
them anew: `apt-get install flite`, then `python -m customer_analytics.sample_data.calls.record`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent
BITS_PER_SECOND = 24_000


def file_name(number: int, customer: int) -> str:
    """`<customer_id>-call-<number>.ogg`, as the stage expects it."""
    return f"{customer}-call-{number:02d}.ogg"


def speak(text: str, voice: str) -> np.ndarray:
    """What the voice says, as mono 16-bit samples at 16 kHz, with a quarter of a second of silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoken.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)  # noqa: S603, S607
        with wave.open(str(path)) as spoken:
            if spoken.getframerate() != 16_000:
                raise ValueError(f"voice {voice} speaks at {spoken.getframerate()} Hz: use rms, awb or kal16")
            samples = np.frombuffer(spoken.readframes(spoken.getnframes()), np.int16)
    silence = np.zeros(4_000, np.int16)
    return np.concatenate([silence, samples, silence])


def encode(samples: np.ndarray, path: Path) -> None:
    """Write mono samples at 16 kHz as Opus in Ogg."""
    import av

    with av.open(str(path), "w", format="ogg", options={"serial_offset": "1"}) as container:
        stream = container.add_stream("libopus", rate=16_000, layout="mono")
        stream.bit_rate = BITS_PER_SECOND
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = 16_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def main() -> None:
    for old in FOLDER.glob("*.ogg"):
        old.unlink()
    seconds = 0.0
    for number, call in enumerate(json.loads((FOLDER / "scripts.json").read_text())["calls"], 1):
        samples = speak(call["text"], call["voice"])
        seconds += len(samples) / 16_000
        encode(samples, FOLDER / file_name(number, call["customer"]))
    print(f"{number} calls, {seconds:.0f} seconds, {sum(p.stat().st_size for p in FOLDER.glob('*.ogg')) // 1024} KiB")


if __name__ == "__main__":
    main()
