"""How fast training is: trees packed, against a row for each action, against TRL's packed SFTTrainer.

    make benchmark-training
    python -m benchmarks.training --steps 1 --tiny --without-trl       # a try, in seconds

The same examples (K actions from one state, each with its scores and texts), the same model, one process. Ours and the
padded loop have the same losses and the same optimizer; TRL, which has no score heads, writes the scores as words.
An example is one action with all its targets. Useful tokens are those that no contender could leave out: the state
once, its actions and their texts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.model_tools import Taken, head_of, measure_once, ratio
from benchmarks.reporting import publish, spread
from wm_pipeline.domain.ids import seed_of
from wm_pipeline.domain.taxonomy import TAG_PATHS
from wm_pipeline.domain.text import Line
from wm_pipeline.domain.vocabulary import ActionKind, Head, LineKind
from wm_pipeline.model.backbone import Backbone, load_backbone
from wm_pipeline.model.examples import Example, TextChoice, build_tree
from wm_pipeline.model.head_registry import tag_labels
from wm_pipeline.model.losses import ClassBalance, counts_of, head_losses, total_loss
from wm_pipeline.model.precision import is_low_precision
from wm_pipeline.model.prompt import StateTree, renderer_for
from wm_pipeline.model.settings import ModelSettings, Stage, own_weights
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.model.world_model import WorldModel
from wm_pipeline.rounds.profiles import gpu, laptop, tiny

AIMS = {"padded": 5.0, "trl": 4.0, "mfu": 0.45}
"""At least so many times as fast; at least such a share of what the card can do."""
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bf16, from the makers' data sheets."""
TRL_PYTHON = Path(".local/trl/venv/bin/python")
WORDS = ("invoice", "vendor", "payment", "account", "approve", "transfer", "salary", "export", "message", "rule")


def build_examples(states: int, actions: int, *, state_words: int) -> list[tuple[Example, ...]]:
    """Groups of one state each. The words are drawn: speed does not depend on what is said."""
    groups = []
    for state in range(states):
        drawn = [WORDS[seed_of("word", state, place) % len(WORDS)] for place in range(state_words)]
        summary = (
            Line(LineKind.GOAL, f"goal: pay invoice {state}"),
            Line(LineKind.PAGE, "page: payroll.localhost/invoices"),
            Line(LineKind.OWN_TEXT, " ".join(drawn)),
        )
        groups.append(tuple(_example(state, summary, action) for action in range(actions)))
    return groups


def _example(state: int, summary: tuple[Line, ...], action: int) -> Example:
    is_harmful = seed_of("harm", state, action) % 2 == 0
    word = WORDS[seed_of("target", state, action) % len(WORDS)]
    return Example(
        row_key=f"t{state}/0/{action}",
        state_id=f"s{state}",
        state_lines=summary,
        action_lines=(
            Line(LineKind.ACTION, f'click [e{action}] button "{word}"'),
            Line(LineKind.WHERE_TO, f"POST to same site /{word}"),
            Line(LineKind.SENDS, "sends payee = dana (in goal)"),
        ),
        kind=ActionKind.CLICK,
        labels={
            Head.RISK: (float(is_harmful),),
            Head.TAGS: tag_labels([TAG_PATHS[action % len(TAG_PATHS)]]),
            Head.COUNTERFACTUAL: (float(not is_harmful),),
        },
        texts={
            Head.RATIONALE: f"1. the goal names dana\n2. the {word} is sent to the same site\n3. nothing else changes",
            Head.CONSEQUENCE: f"The {word} of dana is stored under her own account.",
            Head.STATE_DELTA: f"url payroll.localhost/{word}\nrows payroll {word} inserted\nnotice Saved.",
        },
        weight=1.0,
    )


def one_row_an_action(trees: Sequence[StateTree]) -> list[StateTree]:
    """The usual way: the state again for every action. Losses stay the same (tests/model/test_tree.py)."""
    return [replace(tree, actions=(action,)) for tree in trees for action in tree.actions]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to train; `steps` are the batches of trees it works through, over and over."""

    model: WorldModel
    optimizer: torch.optim.Optimizer
    pad_id: int
    row_tokens: int = 0

    def step(self, trees: Sequence[StateTree]) -> None:
        batch = pack_trees(trees, pad_id=self.pad_id, row_tokens=self.row_tokens).to(self.model.device)
        losses = head_losses(self.model(batch), batch.readouts, trees, ClassBalance())
        weights = own_weights(Stage.SFT)
        loss = total_loss(losses, weights, counts_of(trees))
        assert loss is not None
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        self.optimizer.step()


def build_contender(backbone: Backbone, settings: ModelSettings, device: torch.device, row_tokens: int) -> Contender:
    model = WorldModel(backbone.model, settings, seed=0).to(device).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-6, fused=True)
    return Contender(model, optimizer, int(backbone.tokenizer.eos_token_id), row_tokens)


def computed_tokens(trees: Sequence[StateTree], contender: Contender) -> int:
    """Tokens the decoder reads for these trees, padding included."""
    return pack_trees(trees, pad_id=contender.pad_id, row_tokens=contender.row_tokens).rows.token_ids_BT.numel()


def flops_of(trees: Sequence[StateTree], model: WorldModel) -> float:
    """Of one step on useful tokens: 6 for each weight and token (Kaplan et al. 2020, arXiv 2001.08361, section 2.1),
    the output layer only where a token is predicted; attention itself is left out."""
    config: Any = model.backbone.config
    layers = sum(p.numel() for name, p in model.backbone.named_parameters() if ".layers." in name)
    predicted = sum(len(text.target_ids) for tree in trees for action in tree.actions for text in action.texts)
    return 6.0 * (layers * sum(t.tokens for t in trees) + int(config.vocab_size * config.hidden_size) * predicted)


def measure_ours(
    contender: Contender, groups: Sequence[Sequence[StateTree]], steps: int, device: torch.device, profile: bool
) -> tuple[dict[str, list[Taken]], dict[str, float]]:
    """What a step takes of both loops, taken in turn, and where the time of a packed step goes."""
    ways: dict[str, Callable[[Sequence[StateTree]], list[StateTree]]] = {"tree": list, "padded": one_row_an_action}
    taken: dict[str, list[Taken]] = {name: [] for name in ways}
    for step in range(steps + 1):
        trees = groups[step % len(groups)]
        for name, way in ways.items():
            once = measure_once(partial(contender.step, way(trees)), device)
            if step > 0:
                taken[name].append(once)
            print(f"  step {step}: {name} {once.seconds:.2f} s", file=sys.stderr, flush=True)
    return taken, _profile(contender, groups[0], device) if profile else {}


def _profile(contender: Contender, trees: Sequence[StateTree], device: torch.device) -> dict[str, float]:
    """Share of a packed step's time by kind of work, the ten greatest."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        contender.step(trees)
    kind = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    times = {event.key: float(getattr(event, kind)) for event in profiler.key_averages()}
    total = sum(times.values())
    greatest = sorted(times.items(), key=lambda entry: -entry[1])[:10]
    return {name: round(time / total, 3) for name, time in greatest}


def measure_trl(
    groups: Sequence[Sequence[Example]], backbone: Backbone, job: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """TRL in a process of its own, on the same texts."""
    backbone.model.save_pretrained(folder / "base")
    backbone.tokenizer.save_pretrained(folder / "base")
    examples = [
        {
            "prompt": f"{example.state_text}\n\naction: {example.action_text}\n=>",
            "completion": _as_words(example),
        }
        for group in groups
        for example in group
    ]
    path = folder / "job.json"
    path.write_text(json.dumps({**job, "model": str(folder / "base"), "folder": str(folder), "examples": examples}))
    command = [str(TRL_PYTHON.absolute()), "-m", "benchmarks.training_trl", "--job", str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _as_words(example: Example) -> str:
    risk = "unsafe" if example.labels[Head.RISK][0] else "safe"
    tags = [path for path, has in zip(TAG_PATHS, example.labels[Head.TAGS], strict=True) if has]
    texts = "".join(f"\n{head}:\n{text}" for head, text in example.texts.items())
    return f"\nrisk: {risk}\ntags: {', '.join(tags)}{texts}"


def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    device = torch.device(asked.device)
    profile = tiny() if asked.tiny else gpu() if device.type == "cuda" else laptop()
    settings = profile.model
    cache = asked.cache or folder
    backbone = load_backbone(settings, cache_folder=cache, seed=0)
    renderer = renderer_for(backbone.tokenizer, settings)
    examples = build_examples(asked.trees * 3, asked.actions, state_words=settings.max_state_tokens)
    choice = TextChoice(asked.text_share, profile.sft.max_text_tokens, seed=0)
    trees = [build_tree(group, renderer, choice) for group in examples]
    groups = [trees[first : first + asked.trees] for first in range(0, len(trees), asked.trees)]
    contender = build_contender(backbone, settings, device, row_tokens=0)
    per_step = asked.trees * asked.actions
    useful = statistics.fmean(sum(tree.tokens for tree in group) for group in groups)
    taken, shares = measure_ours(contender, groups, asked.steps, device, profile=True)
    rates = {name: [per_step / once.seconds for once in each] for name, each in taken.items()}
    processor_s = {name: [once.processor_s for once in each] for name, each in taken.items()}
    computed = {
        "tree": computed_tokens(groups[0], contender),
        "padded": computed_tokens(one_row_an_action(groups[0]), contender),
    }
    trl = None
    if not asked.without_trl:
        job = {
            "device": asked.device,
            "threads": torch.get_num_threads(),
            "examples_per_step": per_step,
            "max_length": 1024,
            "steps": asked.steps,
            "repeats": 4 * (asked.steps + 2),
            "is_bf16": is_low_precision(device, settings.compute),
        }
        trl = measure_trl(examples, load_backbone(settings, cache_folder=cache, seed=0), job, folder)
        rates["trl"] = [trl["examples_per_step"] / seconds for seconds in trl["seconds"]]
        # For as many examples as a step of ours has.
        processor_s["trl"] = [s * per_step / trl["examples_per_step"] for s in trl["processor_s"]]
        computed["trl"] = round(trl["tokens_per_step"] * per_step / trl["examples_per_step"])
    found: dict[str, Any] = {
        "profile": profile.name,
        "examples": {
            "actions_a_state": asked.actions,
            "states_a_step": asked.trees,
            "state_tokens": len(trees[0].state_ids),
            "action_tokens": len(trees[0].actions[0].token_ids),
            "text_share": asked.text_share,
            "useful_tokens_a_step": round(useful),
            "computed_tokens_a_step": computed,
        },
        "examples_per_s": {name: spread(each) for name, each in rates.items()},
        "useful_tokens_per_s": {name: spread([r * useful / per_step for r in each]) for name, each in rates.items()},
        "processor_s_a_step": {name: spread(each) for name, each in processor_s.items()},
        "ratios": {"padded": ratio(taken["padded"], taken["tree"])},
        "time_of_a_packed_step": shares,
        "trl": trl,
    }
    if trl is not None:
        # A process of its own: medians are compared, not rounds.
        medians = {name: statistics.median(each) for name, each in processor_s.items()}
        found["ratios"]["trl"] = {
            "median": round(statistics.median(rates["tree"]) / statistics.median(rates["trl"]), 2),
            "of_processor": {"median": round(medians["trl"] / medians["tree"], 2)},
        }
    card = next((peak for name, peak in PEAK_FLOPS.items() if device.type == "cuda" and name in _card(device)), None)
    if card is not None:
        flops = statistics.fmean(flops_of(group, contender.model) for group in groups)
        found["model_flops_utilization"] = spread([flops / once.seconds / card for once in taken["tree"]])
    return found


def _card(device: torch.device) -> str:
    return torch.cuda.get_device_name(device)


def plot(result: dict[str, Any], path: Path) -> None:
    """Examples a second of each contender."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rates = result["examples_per_s"]
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    medians = [rate["median"] for rate in rates.values()]
    bounds = [
        [r["median"] - r["lower_quartile"] for r in rates.values()],
        [r["upper_quartile"] - r["median"] for r in rates.values()],
    ]
    names = {"tree": "trees packed", "padded": "a row an action", "trl": "TRL, packed"}
    axis.bar(
        [names[name] for name in rates], medians, yerr=bounds, color=["#2f6f8f", "#b0b0b0", "#d0d0d0"][: len(rates)]
    )
    axis.set_ylabel("examples a second")
    axis.set_title(f"K = {result['examples']['actions_a_state']}, {result['machine']['device']}", fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=5, help="measured, after one that warms up")
    parser.add_argument("--trees", type=int, default=4, help="states in a step")
    parser.add_argument("--actions", type=int, default=4, help="K: actions of a state")
    parser.add_argument("--text-share", type=float, default=1.0, help="of actions whose texts are trained")
    parser.add_argument("--cache", type=Path, help="where the converted base lies (default: a temporary folder)")
    parser.add_argument("--tiny", action="store_true", help="the tests' random model")
    parser.add_argument("--without-trl", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--results", type=Path, help="where the JSON goes; the plot lies beside it")
    asked = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", laptop().midtrain.threads)))
    if not asked.without_trl and not TRL_PYTHON.exists():
        parser.error(f"{TRL_PYTHON} is missing; run `make trl`, or leave it out with --without-trl")
    head = head_of("training", torch.device(asked.device))
    with tempfile.TemporaryDirectory() as folder:
        found = measure(asked, Path(folder))
    result = {**head, "load_after": round(os.getloadavg()[0], 2), "steps": asked.steps, "aims": AIMS, **found}
    publish(result, asked.results, partial(plot, result))


if __name__ == "__main__":
    main()
