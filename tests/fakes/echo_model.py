"""A tiny MLflow model (models from code): answers with the checkpoint's words and the action."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class EchoModel(PythonModel):
    def load_context(self, context: PythonModelContext) -> None:
        self._words = Path(context.artifacts["checkpoint"], "words.txt").read_text()

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        return pd.DataFrame({"outcome": [f"{self._words}: {action}" for action in model_input["action"]]})


mlflow.models.set_model(EchoModel())
