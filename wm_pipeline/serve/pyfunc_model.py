"""The model as MLflow loads it (models from code): columns `state` and `action` as JSON in, `outcome` as JSON out."""

from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from wm_pipeline import plugins
from wm_pipeline.domain.action import Action
from wm_pipeline.domain.records import from_json, to_json
from wm_pipeline.domain.state import State
from wm_pipeline.serve.predictor import WorldModelPredictor

PLUGIN_PREFIX = "plugin_"
"""Artifacts with this prefix are files of plug-ins that the checkpoint needs."""


class WorldModelPyfunc(PythonModel):
    """predict_outcomes behind MLflow's interface; rows that share a state are answered together."""

    def load_context(self, context: PythonModelContext) -> None:
        plugins.load()
        for name, path in sorted(context.artifacts.items()):
            if name.startswith(PLUGIN_PREFIX):
                plugins.load_named(path)
        self._predictor = WorldModelPredictor.load(context.artifacts["checkpoint"])

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """One row an action. Raises InvalidInputError naming the field of a malformed state or action."""
        answers: dict[int, str] = {}
        for text, group in model_input.reset_index(drop=True).groupby("state", sort=False):
            state = from_json(State, str(text), what="state")
            actions = [from_json(Action, str(action), what="action") for action in group["action"]]
            outcomes = self._predictor.predict_outcomes(state, actions)
            answers.update(zip(group.index, (to_json(outcome) for outcome in outcomes), strict=True))
        return pd.DataFrame({"outcome": [answers[row] for row in range(len(model_input))]})


mlflow.models.set_model(WorldModelPyfunc())
