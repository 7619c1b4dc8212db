"""Rounds that are disturbed on purpose: nothing gets stuck, nothing is lost, nothing is wrong without a word.

Each round draws a fault and a moment from its seed, is disturbed, and is made again with `wm run` until it ends well;
then everything that a deployment promises is checked. A line a round is printed and kept; `--rounds 1 --seed N` plays
one of them again.
"""

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.chaos import disk
from benchmarks.chaos.faults import FAULT, FAULTS, Place
from benchmarks.chaos.play import Told, draw, make_base, play
from benchmarks.chaos.store import moody_store
from benchmarks.reporting import machine
from wm_pipeline.rounds.graph import ROUND_ASSETS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next has the next")
    parser.add_argument("--faults", default="", help="names, with commas; default: all")
    parser.add_argument("--first", default=ROUND_ASSETS[0], choices=ROUND_ASSETS, help="disturb no earlier stage")
    parser.add_argument("--folder", type=Path, help="where rounds are played; default: a temporary one")
    parser.add_argument("--base", type=Path, help="a folder for the undisturbed round, kept for the next time")
    parser.add_argument("--limit-s", type=float, default=1800.0, help="a `wm run` that takes longer is stuck")
    parser.add_argument("--results", type=Path, help="also write the lines there, one JSON object a round")
    options = parser.parse_args()
    wanted = options.faults.split(",") if options.faults else [fault.name for fault in FAULTS]
    if unknown := [name for name in wanted if name not in FAULT]:
        parser.error(f"unknown fault {unknown[0]!r}; there are {', '.join(FAULT)}")
    if any(FAULT[name].place is Place.SMALL_DISK for name in wanted) and (reason := disk.why_not()) is not None:
        print(f"skipped, no small disk can be made here: {reason}", file=sys.stderr)
        wanted = [name for name in wanted if FAULT[name].place is not Place.SMALL_DISK]
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos")))
        base = make_base(options.base or folder / "base", limit_s=options.limit_s)
        print(f"undisturbed: {sum(base.seconds.values()):.0f} s of steps", file=sys.stderr)
        has_store = any(FAULT[name].place is Place.S3 for name in wanted)
        store = stack.enter_context(moody_store()) if has_store else None
        failed = 0
        for seed in range(options.seed, options.seed + options.rounds):
            plan = draw(seed, wanted, base, first=options.first)
            told = play(plan, base, folder / f"round-{seed}", store=store, limit_s=options.limit_s)
            failed += bool(told.problems)
            print(in_words(told), flush=True)
            if options.results is not None:
                write_line(options.results, told, folder)
    print(f"{options.rounds} rounds, {failed} with problems", file=sys.stderr)
    sys.exit(1 if failed else 0)


def in_words(told: Told) -> str:
    plan = told.plan
    runs = "; ".join(f"{run.seconds:.0f} s, status {run.status}: {run.last_line[:110]}" for run in told.runs)
    verdict = "ok" if not told.problems else "PROBLEMS: " + " | ".join(told.problems)
    moment = f"{plan.begins} -> {plan.stage} +{plan.delay_s:.1f} s"
    return f"{plan.seed} {plan.fault} ({moment}; {told.did or 'nothing hit'}): {verdict} [{runs}]"


def write_line(file: Path, told: Told, folder: Path) -> None:
    """Without the folder that rounds were played in, which says nothing elsewhere."""
    line = json.dumps({**told.line(), "cores": machine()["cores"]}).replace(f"{folder}/", "")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as stream:
        stream.write(f"{line}\n")


if __name__ == "__main__":
    main()
