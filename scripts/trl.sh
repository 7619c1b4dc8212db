#!/usr/bin/env bash
# TRL beside our packages, in a virtual environment of the benchmark's own. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=.local/trl/venv

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
# torch and transformers are the very ones that we train with: the same code on both sides of the comparison.
site_packages='import sysconfig; print(sysconfig.get_paths()["purelib"])'
.venv/bin/python -c "$site_packages" > "$("$VENV/bin/python" -c "$site_packages")/ours.pth"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check -c constraints-trl.txt trl
printf 'trl: ready; make benchmark-training uses it\n' >&2
