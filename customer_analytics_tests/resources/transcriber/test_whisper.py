"""Whisper's own loading and decoding, on a checkpoint made here: tiny, with random weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from customer_analytics.resources.transcriber import TranscriberError
from customer_analytics.resources.transcriber.pool import transcribe_files
from customer_analytics.resources.transcriber.whisper import WhisperTranscriber
from customer_analytics_tests.resources.transcriber.recorded import SPOKEN

INSTALLED = importlib.util.find_spec("whisper") is not None
needs_whisper = pytest.mark.skipif(not INSTALLED, reason="openai-whisper is not installed: `make whisper`")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(0)
    # An English-only vocabulary, Whisper's own windows of 30 seconds; all else as small as it goes.
    dimensions = ModelDimensions(80, 1500, 16, 2, 1, 51864, 448, 16, 2, 1)
    path = tmp_path_factory.mktemp("whisper") / "random.pt"
    torch.save({"dims": vars(dimensions), "model_state_dict": Whisper(dimensions).state_dict()}, path)
    return path


@pytest.mark.heavy
@needs_whisper
def test_a_checkpoint_is_loaded_and_decodes(checkpoint: Path) -> None:
    transcriber = WhisperTranscriber(str(checkpoint))
    samples = np.sin(np.arange(16_000 * 3) / 20).astype(np.float32)
    text = transcriber.transcribe(samples)
    assert isinstance(text, str)
    assert transcriber.transcribe(samples) == text


@pytest.mark.heavy
@needs_whisper
def test_it_works_in_a_process_of_its_own(checkpoint: Path) -> None:
    ((path, outcome),) = transcribe_files(WhisperTranscriber(str(checkpoint)), [SPOKEN])
    assert path == SPOKEN
    # Random weights say nothing that makes sense, or nothing: what counts is that the recording came through.
    assert outcome.duration_seconds == pytest.approx(6.0, abs=0.3)
    assert outcome.transcript or "no speech was heard" in outcome.reason


@pytest.mark.heavy
@needs_whisper
def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TranscriberError, match=r"nosuch.*WHISPER_MODEL.*tiny\.en"):
        WhisperTranscriber("nosuch").transcribe(np.zeros(16_000, np.float32))


@pytest.mark.heavy
@needs_whisper
def test_real_weights_hear_what_is_said() -> None:
    weights = Path.home() / ".cache" / "whisper" / "tiny.en.pt"
    if not weights.is_file():
        pytest.skip("the weights of tiny.en are not on this machine")
    ((_, outcome),) = transcribe_files(WhisperTranscriber(str(weights)), [SPOKEN])
    assert "subscription" in outcome.transcript.lower()


@pytest.mark.skipif(INSTALLED, reason="openai-whisper is installed")
def test_without_the_package_the_error_says_how_to_get_it() -> None:
    with pytest.raises(TranscriberError, match="make whisper"):
        WhisperTranscriber("tiny.en").transcribe(np.zeros(16_000, np.float32))
