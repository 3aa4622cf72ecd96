from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_analytics.resources.transcriber.audio import BrokenRecording, decode
from customer_analytics_tests.resources.transcriber.recorded import FORMATS, SPOKEN, encoded, tone


def loudest_frequency(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / 16_000)[spectrum.argmax()])


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_becomes_mono_at_16_khz(extension: str, channels: int) -> None:
    rate = 48_000
    samples = decode(encoded(tone(1.0, rate, channels), extension, rate))
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / 16_000 == pytest.approx(1.0, abs=0.1)
    assert np.abs(samples).max() <= 1.05
    middle = samples[2000:14_000]
    assert loudest_frequency(middle) == pytest.approx(440, abs=10) or channels == 2
    expected = 0.5 / np.sqrt(2) if channels == 1 else 0.5 / 2  # two tones, each at half
    assert np.sqrt((middle**2).mean()) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 96_000])
def test_any_rate(rate: int) -> None:
    samples = decode(encoded(tone(1.0, rate), "wav", rate))
    assert len(samples) == pytest.approx(16_000, abs=20)
    assert loudest_frequency(samples) == pytest.approx(440, abs=3)


@pytest.mark.parametrize(
    "codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"]
)
def test_any_depth(codec: str) -> None:
    samples = decode(encoded(tone(), "wav", codec=codec))
    np.testing.assert_allclose(samples[:15_000], tone()[0, :15_000], atol=0.03)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("share", [0.15, 0.5, 0.85])
def test_a_truncated_recording_is_broken(extension: str, share: float) -> None:
    noise = np.random.default_rng(0).normal(scale=0.1, size=(1, 80_000)).astype(np.float32)
    whole = encoded(noise, extension, 48_000 if extension == "ogg" else 16_000)
    decode(whole)
    with pytest.raises(BrokenRecording):
        decode(whole[: int(len(whole) * share)])


def test_the_reason_says_how_much_is_there() -> None:
    whole = encoded(tone(10), "flac")
    with pytest.raises(BrokenRecording, match=r"cut short: \d\.\d of 10\.0 seconds"):
        decode(whole[: len(whole) // 2])


@pytest.mark.parametrize("extension", FORMATS)
def test_a_silent_recording_is_broken(extension: str) -> None:
    with pytest.raises(BrokenRecording, match="silent"):
        decode(encoded(tone(2, loudness=0), extension))


def test_a_quiet_recording_is_not_silent() -> None:
    assert np.abs(decode(encoded(tone(loudness=0.01), "wav"))).max() == pytest.approx(0.01, rel=0.1)


def test_empty_and_other_files_are_broken() -> None:
    with pytest.raises(BrokenRecording, match="0 bytes"):
        decode(b"")
    for content in (b"hello, I am a text\n" * 100, b"\x89PNG\r\n\x1a\n" + bytes(500), bytes(10_000), b"RIFF"):
        with pytest.raises(BrokenRecording):
            decode(content)
    header_alone = io.BytesIO()
    with wave.open(header_alone, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    with pytest.raises(BrokenRecording, match="no sound"):
        decode(header_alone.getvalue())


def test_samples_that_are_no_numbers_are_broken() -> None:
    samples = tone()
    samples[0, 500] = np.nan
    with pytest.raises(BrokenRecording, match="not numbers"):
        decode(encoded(samples, "wav", codec="pcm_f32le"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_an_answer_never_another_error(data: st.DataObject) -> None:
    content = bytearray(SPOKEN.read_bytes() if data.draw(st.booleans()) else encoded(tone(0.2), "mp3"))
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        samples = decode(bytes(content[: data.draw(st.integers(0, len(content)))]))
    except BrokenRecording:
        return
    assert np.isfinite(samples).all()


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile secret.wav\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsecret.wav\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 40404 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period/></MPD>',
    ],
    ids=["concat", "playlist", "sdp", "dash"],
)
def test_a_script_opens_no_other_file_and_no_address(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg knows such files by their content, and would follow them."""
    (tmp_path / "secret.wav").write_bytes(encoded(tone(), "wav"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BrokenRecording, match="not audio"):
        decode(script.encode())


@pytest.mark.parametrize("extension", FORMATS)
def test_the_content_decides_not_the_name(extension: str, tmp_path: Path) -> None:
    path = tmp_path / ("6-call.wav" if extension != "wav" else "6-call.mp3")
    path.write_bytes(encoded(tone(1.0, 48_000), extension, 48_000))
    assert len(decode(path.read_bytes())) == pytest.approx(16_000, abs=1600)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_length_that_the_recorder_did_not_know_is_none(size: int) -> None:
    """What writes to a pipe cannot go back and fill it in."""
    content = bytearray(encoded(tone(1.0), "wav"))
    place = content.index(b"data") + 4
    content[place : place + 4] = content[4:8] = size.to_bytes(4, "little")
    assert len(decode(bytes(content))) == pytest.approx(16_000, abs=20)
