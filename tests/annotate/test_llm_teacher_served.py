"""The teacher against a language model that really runs: a tiny random one behind `transformers serve`."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.annotate.test_llm_teacher import annotate, workspace_with
from tests.builders_experience import DAY
from wm_pipeline.annotate.instrumented import TEACHER_ID
from wm_pipeline.domain.chat import LlmSettings
from wm_pipeline.domain.errors import TeacherError
from wm_pipeline.domain.tables import AnnotationSchema
from wm_pipeline.model.backbone import build_tiny_backbone

TRANSFORMERS = Path(sys.executable).parent / "transformers"
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}<|im_end|>{% endfor %}assistant: "
LIMIT_S = 240

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judge") / "tiny"
    backbone = build_tiny_backbone(seed=0)
    backbone.tokenizer.chat_template = TEMPLATE
    backbone.model.save_pretrained(folder)
    backbone.tokenizer.save_pretrained(folder)
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The model's address while it is served on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [TRANSFORMERS, "serve", folder, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [str(part) for part in command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        assert process.poll() is None, "transformers serve ended by itself"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"{address} did not answer within {LIMIT_S} s")


def test_a_model_that_talks_nonsense_leaves_the_embedded_rows_and_its_end_is_told(
    model_folder: Path, tmp_path: Path
) -> None:
    def settings(url: str) -> LlmSettings:
        return LlmSettings(url, str(model_folder), max_answer_tokens=16, max_retries=0)

    with served(model_folder) as url:
        workspace = workspace_with(tmp_path / "asked", settings(url))
        output = annotate(workspace, ["payroll"])
    rows = workspace.store.read(AnnotationSchema, days=[DAY])
    with pytest.raises(TeacherError, match=r"^0 of 4 transitions are annotated and kept, 4 are pending: .* reached"):
        annotate(workspace_with(tmp_path / "gone", settings(url)), ["payroll"])

    assert rows["teacher_id"].to_list() == [TEACHER_ID] * 4
    assert all(len(reasons) == 1 and reasons[0].startswith("dialogue: ") for reasons in rows["rejected"].to_list())
    assert output.numbers["rejected_dialogue"] == 4
    assert output.numbers["teacher_calls"] == 4 * 2
    assert output.numbers["teacher_tokens"] > 4 * 2 * 100
    # Nothing of it can be used, so there is nothing to agree with: the blocking check fails.
    assert output.numbers["teacher_agreement"] is None
