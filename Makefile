# Everything runs from here; `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PACKAGES := .venv/.packages
# One thread a process is set where processes are started; two libraries must not each start a pool.
export TOKENIZERS_PARALLELISM := false
# Compiled tests are kept: pytest rewrites their assertions, which takes longer than many of them.
export PYTHONDONTWRITEBYTECODE :=
FAST := $(addprefix tests/,domain datasets annotate collect guard policies environments)
# MkDocs 1 is pinned; its theme announces the next one with every build.
export NO_MKDOCS_2_WARNING := 1

.PHONY: help setup setup-packages third-party browsergym run ui test test-today test-fast test-unit coverage check docs format notebook benchmark-datasets benchmark-rollout benchmark-observe benchmark-curriculum benchmark-ablations benchmark-recipes outside benchmark-predict benchmark-training benchmark-stores benchmark-bit-flips chaos trl gpu-check screenshots clean
.DEFAULT_GOAL := help

help:  ## list what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(READY)  ## virtual environment, pinned dependencies, Chromium, base weights

$(READY): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON=$(PYTHON) bash scripts/setup.sh
	@touch $(PACKAGES) $(READY)

setup-packages: $(PACKAGES)  ## virtual environment and pinned packages alone: enough for check, docs and test-unit

$(PACKAGES): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON=$(PYTHON) bash scripts/setup.sh packages
	@touch $(PACKAGES)

third-party: $(READY)  ## four applications of others, to try your-own-application on (docs/environments.md)
	@bash applications/setup.sh

browsergym: $(READY)  ## BrowserGym in an environment of its own, to roll out its tasks and to compare with
	@PYTHON=$(PYTHON) bash scripts/browsergym.sh

outside: $(READY)  ## agentdojo, whose injections the evaluation then writes into pages (its texts are read, its code is not run)
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -c constraints-outside.txt agentdojo

run: $(READY)  ## the main job: one round from real browsers to a registered model (PROFILE=laptop)
	@$(BIN)/wm run --profile $(or $(PROFILE),laptop)

ui: $(READY)  ## Dagster UI and MLflow UI on loopback
	@$(BIN)/wm ui

test: $(READY)  ## all tests that need no GPU and no keys, real Chromium included
	@$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

test-today: $(READY)  ## a whole round on what today draws; `make test` draws the same on every day
	@ROUND_DAY=$$(date -u +%F) $(BIN)/python -m pytest -q tests/rounds/test_round.py

test-fast: $(PACKAGES)  ## about a minute: the folders of tests that hardly load torch or Dagster; needs neither Chromium nor weights
	@$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not browser and not slow" $(FAST)

test-unit: $(PACKAGES)  ## every test that needs neither Chromium nor weights, none of them slow
	@$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not browser and not slow"

coverage: $(PACKAGES)  ## which lines the fast tests run
	@$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not browser and not slow" --cov --cov-report=term:skip-covered

check: $(PACKAGES)  ## ruff, mypy, import-linter, the documentation's links
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs: $(PACKAGES)  ## the documentation as a site in .wm/site, its picture drawn again
	@$(BIN)/python -m scripts.architecture
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(PACKAGES)  ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

notebook: $(READY)  ## execute the notebooks as shipped
	@$(BIN)/python -m pytest -q tests/docs/test_notebooks.py

benchmark-datasets: $(READY)  ## 10 million synthetic rows built and read, beside pandas and pyarrow (a quarter of an hour, 8 GB of disk)
	@$(BIN)/python -m benchmarks.datasets --results benchmarks/results/datasets.json

benchmark-rollout: $(READY) browsergym  ## steps a second against BrowserGym on the same tasks, and our own sites in detail (a quarter of an hour)
	@$(BIN)/python -m benchmarks.rollout

benchmark-observe: $(READY) browsergym  ## one look at a page: ours, Playwright's aria_snapshot, BrowserGym's extraction (some minutes)
	@$(BIN)/python -m benchmarks.observe --results benchmarks/results/observe.json

benchmark-curriculum: $(READY)  ## rounds drawn by the curriculum against rounds drawn evenly, 20 seeds (an hour; rolls out 140 worlds a slice)
	@$(BIN)/python -m benchmarks.curriculum --results benchmarks/results/curriculum.json

benchmark-ablations: $(READY)  ## without mid-training, distillation or branches, three seeds each on the newest round (an hour and a half; goes on where it was)
	@$(BIN)/python -m benchmarks.ablations --profile $(or $(PROFILE),laptop) --results benchmarks/results/ablations.json

benchmark-recipes: $(READY)  ## SFT with one thing changed at a time, for equal processor time, on the newest round (two hours; goes on where it was)
	@$(BIN)/python -m benchmarks.recipes --profile $(or $(PROFILE),laptop) --results benchmarks/results/recipes.json

benchmark-predict: $(READY)  ## all heads from one tree against one JSON object token by token (a quarter of an hour)
	@$(BIN)/python -m benchmarks.predict --cache .wm/cache --results benchmarks/results/predict.json

benchmark-stores: $(READY)  ## commits of tables beside Delta Lake's (some minutes)
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt deltalake
	@$(BIN)/python -m benchmarks.stores --results benchmarks/results/stores.json

benchmark-bit-flips: $(READY)  ## two thousand flipped bits in a round's files, each read in every public way (a quarter of an hour)
	@TQDM_DISABLE=1 $(BIN)/python -m benchmarks.bit_flips --results benchmarks/results/bit_flips.json

chaos: $(READY)  ## rounds that are killed, cut off and damaged, each made to its end and checked (ROUNDS=100 SEED=0; about a minute a round)
	@$(BIN)/python -m benchmarks.chaos --rounds $(or $(ROUNDS),100) --seed $(or $(SEED),0) --results benchmarks/results/chaos.jsonl

trl: $(READY)  ## TRL in an environment of its own, to compare training with
	@PYTHON=$(PYTHON) bash scripts/trl.sh

benchmark-training: $(READY) trl  ## trees packed, against a row an action and TRL's SFTTrainer (a quarter of an hour)
	@$(BIN)/python -m benchmarks.training --cache .wm/cache --results benchmarks/results/training.json

gpu-check: $(READY)  ## benchmarks and a short real training from DATA, a folder of parquet; JSON and curves in OUTPUT
	@$(BIN)/python -m benchmarks.gpu_check --data $(or $(DATA),.wm/data/tables/sft_dataset) --output $(or $(OUTPUT),.wm/gpu-check)

screenshots: $(READY)  ## README's picture, taken of the newest report
	@$(BIN)/python scripts/screenshots.py

clean:  ## remove what runs produced (data, checkpoints, MLflow, Dagster history), keep the virtual environment
	rm -rf .wm
