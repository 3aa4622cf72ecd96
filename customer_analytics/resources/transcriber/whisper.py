"""OpenAI's Whisper (extra `whisper`): far better on real speech, and heavy. Uses CUDA when there is one."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_analytics.resources.transcriber import TranscriberError

if TYPE_CHECKING:
    import numpy as np


class WhisperTranscriber:
    """One Whisper model: a published name (`tiny.en`, `turbo`), or the path of a checkpoint."""

    # PyTorch spreads one call over all cores, and every process would hold the weights once more.
    processes = 1

    def __init__(self, model: str) -> None:
        self._model_name = model
        path = Path(model)
        # Two checkpoints of one file name are two models.
        self.name = f"whisper:{path.stem}@{_digest(path)}" if path.is_file() else f"whisper:{model}"

    def transcribe(self, samples: np.ndarray) -> str:
        model = self._model
        # Given as an array: Whisper would start an ffmpeg program to read a file. Temperature 0 alone keeps
        # the text the same from run to run; half precision exists on CUDA only.
        result = model.transcribe(
            samples, fp16=model.device.type == "cuda", temperature=0.0, condition_on_previous_text=False, verbose=None
        )
        return str(result["text"]).strip()

    @cached_property
    def _model(self) -> Any:
        try:
            import torch  # pyright: ignore[reportMissingImports] - of the extra `whisper`
            import whisper
        except ImportError as error:
            raise TranscriberError(
                "TRANSCRIBER=whisper needs the package openai-whisper: run `make whisper`, or unset TRANSCRIBER"
            ) from error
        # Without the extra, type checkers take `whisper` for this module.
        models: Any = whisper
        try:
            return models.load_model(self._model_name, device="cuda" if torch.cuda.is_available() else "cpu")
        except (RuntimeError, OSError) as error:
            raise TranscriberError(
                f"Whisper's model {self._model_name} cannot be loaded ({error}): set WHISPER_MODEL to one of"
                f" {', '.join(models.available_models())}, or to a checkpoint's path"
            ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]
