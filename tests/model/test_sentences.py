"""Vectors of lines from the embedded sentence encoder, and where they are kept."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import torch

from wm_pipeline.domain.errors import CheckpointError
from wm_pipeline.model.sentences import RAREST, SentenceEncoder
from wm_pipeline.model.settings import EMBEDDED_ENCODER, TINY_ENCODER, Compute

TEXTS = ["sends IBAN = DE44 5001", "goal: Pay invoice 118.", "heading: New wire"]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(EMBEDDED_ENCODER, compute=Compute.FP32)


def kept_in(cache_file: Path) -> SentenceEncoder:
    return SentenceEncoder(EMBEDDED_ENCODER, compute=Compute.FP32, cache_file=cache_file)


def refuse(texts: list[str]) -> None:
    raise AssertionError(f"encoded again: {texts}")


def test_vectors_have_length_1_and_come_in_the_order_asked(encoder: SentenceEncoder) -> None:
    asked = [TEXTS[2], TEXTS[0], TEXTS[2], TEXTS[1], "", "very long " * 2000]

    vectors = encoder.vectors(asked)

    assert vectors.shape == (len(asked), encoder.width)
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(asked)), rtol=0, atol=2e-3)
    assert torch.equal(vectors[0], vectors[2])
    for text, vector in zip(asked, vectors, strict=True):
        torch.testing.assert_close(encoder.vectors([text])[0], vector)
    assert encoder.vectors([]).shape == (0, encoder.width)


def test_lines_that_say_the_same_are_closer_than_others(encoder: SentenceEncoder) -> None:
    pay, wire, weather = encoder.vectors(["Pay the invoice.", "Send money for the bill.", "It rains in the north."])

    assert pay @ wire > pay @ weather + 0.1


@pytest.mark.parametrize("name", [EMBEDDED_ENCODER, TINY_ENCODER])
def test_texts_read_together_have_the_vectors_of_texts_read_alone(name: str, encoder: SentenceEncoder) -> None:
    first, second = (SentenceEncoder(name, compute=Compute.FP32) for _ in range(2))

    together = first.vectors([*TEXTS, "a much longer line about wires " * 9])

    alone = torch.cat([second.vectors([text]) for text in TEXTS])
    torch.testing.assert_close(together[:3], alone, rtol=0, atol=1e-3)


def test_a_cache_file_is_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "new" / "vectors.sqlite"
    first, second = kept_in(file), kept_in(file)
    vectors = first.vectors(TEXTS)
    monkeypatch.setattr(second, "_encode", refuse)

    assert torch.equal(second.vectors([*reversed(TEXTS)]), vectors.flip(0))
    with pytest.raises(AssertionError, match="encoded again: \\['another'\\]"):
        second.vectors([TEXTS[0], "another"])


def test_vectors_of_another_number_type_are_not_taken_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "vectors.sqlite"
    kept_in(file).vectors(TEXTS)
    other = SentenceEncoder(EMBEDDED_ENCODER, compute=Compute.BF16, cache_file=file)
    monkeypatch.setattr(other, "_encode", refuse)

    with pytest.raises(AssertionError, match="encoded again"):
        other.vectors(TEXTS)


def test_a_damaged_cache_file_is_not_missed(encoder: SentenceEncoder, tmp_path: Path) -> None:
    file = tmp_path / "vectors.sqlite"
    file.write_bytes(b"no database " * 100)

    torch.testing.assert_close(kept_in(file).vectors(TEXTS), encoder.vectors(TEXTS), rtol=0, atol=1e-3)


@pytest.mark.parametrize("vector", [b"", b"odd", b"\0" * 10], ids=["empty", "odd", "short"])
def test_a_damaged_vector_is_not_missed(encoder: SentenceEncoder, tmp_path: Path, vector: bytes) -> None:
    file = tmp_path / "vectors.sqlite"
    kept_in(file).vectors(TEXTS)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE vectors SET vector = ?", (vector,))

    torch.testing.assert_close(kept_in(file).vectors(TEXTS), encoder.vectors(TEXTS), rtol=0, atol=1e-3)


@pytest.mark.parametrize("place", ["a folder", "a file"])
def test_a_cache_that_cannot_be_written_is_not_missed(encoder: SentenceEncoder, tmp_path: Path, place: str) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").write_text("")
    file = tmp_path / place if place == "a folder" else tmp_path / place / "vectors.sqlite"

    torch.testing.assert_close(kept_in(file).vectors(TEXTS), encoder.vectors(TEXTS), rtol=0, atol=1e-3)


def test_an_unknown_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    name = str(tmp_path / "nowhere")

    with pytest.raises(CheckpointError) as refused:
        SentenceEncoder(name, compute=Compute.FP32)

    assert str(refused.value) == (
        f"model.encoder: {name!r} is no folder; give the folder of a Hugging Face encoder with its tokenizer, "
        "or all-minilm-l6-v2"
    )


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be loaded .*; give the folder of a Hugging Face encoder"):
        SentenceEncoder(str(tmp_path), compute=Compute.FP32)


def test_a_word_says_the_more_the_rarer_it_is(encoder: SentenceEncoder) -> None:
    weights = [encoder.rarity(word) for word in ("the", "pay", "payment", "De44x")]

    assert weights == sorted(set(weights))
    assert weights[0] == 0
    assert weights[-1] == encoder.rarity("1250") == RAREST
    assert encoder.rarity("7") == 0
    assert encoder.rarity("invoice") == RAREST  # no word of the encoder's vocabulary


def test_only_the_first_tokens_of_a_line_are_counted(encoder: SentenceEncoder) -> None:
    assert encoder.tokens("New wire") == 2
    assert encoder.tokens("wire " * 5000) == encoder.tokens("wire " * 96) == 96
