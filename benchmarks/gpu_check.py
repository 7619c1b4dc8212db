"""Everything of the model once on the machine at hand: both benchmarks and a short real training from parquet files.

    make gpu-check DATA=folder OUTPUT=folder
    python -m benchmarks.gpu_check --data folder --output folder --tiny --steps 4      # a try on any machine

Needs no network and no Dagster. The output folder holds predict.json and training.json with their plots, what the
training wrote (metrics.jsonl, result.json, checkpoint/) and its curves; a summary comes on stdout.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.training import TRL_PYTHON
from wm_pipeline.model.settings import Stage
from wm_pipeline.rounds.profiles import gpu, tiny
from wm_pipeline.train.run import TrainRun

ROOT = Path(__file__).resolve().parents[1]


def run(command: list[str]) -> str:
    """A step in a process of its own; its standard output. Stops everything when the step fails."""
    print(f"gpu-check: {' '.join(command[1:])}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"gpu-check: this step failed with exit code {done.returncode}: {' '.join(command)}")
    return done.stdout


def train(asked: argparse.Namespace, output: Path) -> dict[str, Any]:
    files = sorted(str(path.resolve()) for path in asked.data.rglob("*.parquet"))
    if not files:
        raise SystemExit(f"gpu-check: {asked.data} holds no parquet files; give a folder of sft_dataset with --data")
    profile = tiny() if asked.tiny else gpu()
    config = TrainRun(
        stage=Stage.SFT,
        dataset_paths=tuple(files),
        output_folder=str(output),
        cache_folder=str(asked.cache),
        data_version="gpu-check",
        code_version="gpu-check",
        model=profile.model,
        train=replace(profile.sft, max_steps=asked.steps, save_steps=0),
    )
    path = output / "config.json"
    path.write_text(json.dumps(asdict(config)))
    lines = run([sys.executable, "-m", "wm_pipeline.train.run", "--config", str(path)]).strip().splitlines()
    result: dict[str, Any] = json.loads(lines[-1])
    plot_curves(output / "metrics.jsonl", output / "curves.png")
    return result


def plot_curves(metrics: Path, path: Path) -> None:
    """Loss of each head, tokens a second and gradient norm, by step."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    names = sorted({name for row in rows for name in row if name.startswith("loss")})
    figure, (losses, speed, norm) = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    for name in names:
        points = [(row["step"], row[name]) for row in rows if name in row]
        losses.plot(*zip(*points, strict=True), label=name.removeprefix("loss_"), linewidth=1)
    losses.set_yscale("log")
    losses.set_title("loss")
    losses.legend(fontsize=6)
    speed.plot([row["step"] for row in rows], [row["tokens_per_second"] for row in rows], linewidth=1)
    speed.set_title("tokens a second")
    norms = [(row["step"], row["gradient_norm"]) for row in rows if row["gradient_norm"] is not None]
    if norms:
        norm.plot(*zip(*norms, strict=True), linewidth=1)
    norm.set_title("gradient norm")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the parquet files of sft_dataset")
    parser.add_argument("--output", type=Path, required=True, help="where everything is brought together")
    parser.add_argument("--cache", type=Path, default=Path(".wm/cache"), help="where the converted base lies")
    parser.add_argument("--steps", type=int, default=200, help="of the training")
    parser.add_argument("--rounds", type=int, default=5, help="of the benchmarks")
    parser.add_argument("--tiny", action="store_true", help="the tests' random model")
    asked = parser.parse_args()
    output = asked.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    more = ["--cache", str(asked.cache), *(["--tiny"] if asked.tiny else [])]
    result = train(asked, output)
    predict = [sys.executable, "-m", "benchmarks.predict", "--rounds", str(asked.rounds), *more]
    training = [sys.executable, "-m", "benchmarks.training", "--steps", str(asked.rounds), *more]
    if not (ROOT / TRL_PYTHON).exists():
        training.append("--without-trl")
    if asked.tiny:
        predict += ["--tokens", "4"]
    found = {
        "predict": json.loads(run([*predict, "--results", str(output / "predict.json")])),
        "training": json.loads(run([*training, "--results", str(output / "training.json")])),
    }
    summary = {
        "machine": found["predict"]["machine"],
        "load": round(os.getloadavg()[0], 2),
        "train": {
            name: result[name]
            for name in ("steps", "rows", "tokens_per_second", "first_loss", "last_loss", "reload_difference")
        },
        "risk_auroc": result["validation"]["risk_auroc"],
        "ratios": {name: one["ratios"] for name, one in found.items()},
        "model_flops_utilization": found["training"].get("model_flops_utilization"),
        "output": str(output),
    }
    (output / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
