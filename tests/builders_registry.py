"""Registered versions in a real MLflow: a checkpoint of one word and a model that says it."""

from pathlib import Path

from wm_pipeline.gateways.mlflow_registry import ModelRegistry, RegisteredModel

ECHO_MODEL = Path(__file__).parent / "fakes" / "echo_model.py"


def registered(
    registry: ModelRegistry, round_run: str, folder: Path, version: str, *, root: str = "s3://lake"
) -> RegisteredModel:
    """A version whose content version is `version`; its checkpoint is said to be under `root`."""
    checkpoint = folder / version
    checkpoint.mkdir()
    (checkpoint / "words.txt").write_text(version)
    return registry.register(
        round_run_id=round_run,
        checkpoint_folder=checkpoint,
        checkpoint_address=f"{root}/checkpoints/{version}",
        model_version=version,
        report_address=f"{root}/reports/{version}/report.html",
        model_code=ECHO_MODEL,
        input_example={"state": ["{}"], "action": ["click"]},
        output_example={"outcome": ["{}"]},
        requirements=["pandas"],
    )
