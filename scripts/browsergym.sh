#!/usr/bin/env bash
# BrowserGym in a virtual environment of its own: it pins an older Playwright than ours. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=.local/browsergym/venv

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
"$VENV/bin/pip" install -q --disable-pip-version-check -c constraints-browsergym.txt browsergym-core
# Of its MiniWoB tasks only the task classes are needed: the pages come from the package that we have.
"$VENV/bin/pip" install -q --disable-pip-version-check --no-deps -c constraints-browsergym.txt browsergym-miniwob
printf 'browsergym: ready; pytest tests/environments/test_browsergym.py tries it\n' >&2
