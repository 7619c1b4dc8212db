"""Registered versions in a real MLflow: a checkpoint of one word and a model that says it."""

from pathlib import Path

from wm_pipeline.gateways.mlflow_registry import ModelRegistry, RegisteredModel

ECHO_MODEL = Path(__file__).parent / "fakes" / "echo_model.py"


def registered(
    registry: ModelRegistry,
    round_run: str,
    folder: Path,
    version: str,
    *,
    root: str = "s3://lake",
    name: str | None = None,
    address: str | None = None,
) -> RegisteredModel:
    """A version made of `folder/version`, a checkpoint of one word where there is none yet.

    Its content version is `name`, or else that word; it is said to be at `address`, or else under `root`.
    """
    checkpoint = folder / version
    if not checkpoint.exists():
        checkpoint.mkdir()
        (checkpoint / "words.txt").write_text(version)
    found = registry.register(
        round_run_id=round_run,
        checkpoint_folder=checkpoint,
        checkpoint_place=address or f"{root}/checkpoints/{version}",
        model_version=name or version,
        report_place=f"{root}/reports/{version}/report.html",
        model_code=ECHO_MODEL,
        package=ECHO_MODEL,
        input_example={"state": ["{}"], "action": ["click"]},
        output_example={"outcome": ["{}"]},
        requirements=["pandas"],
    )
    registry.make_challenger(found.version, description=f"It says {version}.")
    return found
