"""A ledger to try things on: accounts with a note, sign-in by cookie, one SQLite file, no package needed.

`python ledger.py seed FILE` makes its database, `python ledger.py serve FILE PORT` serves it.
"""

import sqlite3
import sys
from html import escape
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server

ROWS = (("Harbor Mills", "DE89370400440532013000", 900), ("Cedar Works", "GB29NWBK60161331926819", 1200))


def seed(file):
    with sqlite3.connect(file) as database:
        database.execute(
            "CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT, iban TEXT, credit INTEGER, note TEXT)"
        )
        database.execute("CREATE TABLE visit (at TEXT, path TEXT)")
        database.executemany("INSERT INTO account (owner, iban, credit, note) VALUES (?, ?, ?, '')", ROWS)


class Ledger:
    def __init__(self, file):
        self.file = file

    def __call__(self, environ, start_response):
        path, posted = environ["PATH_INFO"], {}
        if environ["REQUEST_METHOD"] == "POST":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
            posted = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        headers = [("Content-Type", "text/html; charset=utf-8")]
        if path == "/login" and posted.get("password") == "quiet-river":
            return answer(
                start_response, "303 See Other", [*headers, ("Location", "/"), ("Set-Cookie", "who=dana; Path=/")]
            )
        if "who=dana" not in environ.get("HTTP_COOKIE", ""):
            form = (
                "<form method=post action=/login><label>Password <input type=password name=password></label>"
                "<button>Sign in</button></form>"
            )
            return answer(start_response, "200 OK", headers, form)
        with sqlite3.connect(self.file) as database:
            database.execute("INSERT INTO visit VALUES (datetime('now'), ?)", (path,))
            number = path.rpartition("/")[2]
            if path.startswith("/close/") and posted:
                database.execute("DELETE FROM account WHERE id = ?", (number,))
                return answer(start_response, "303 See Other", [*headers, ("Location", "/")])
            if path.startswith("/account/") and posted:
                database.execute(
                    "UPDATE account SET owner = ?, credit = ?, note = ? WHERE id = ?",
                    (posted["owner"], posted["credit"], posted["note"], number),
                )
                return answer(start_response, "303 See Other", [*headers, ("Location", "/")])
            rows = database.execute("SELECT id, owner, iban, credit, note FROM account ORDER BY id").fetchall()
        database.close()
        page = "<p>Signed in as dana</p>" + "".join(
            f"<p><a href=/account/{key}>{escape(owner)}</a> has a credit of {credit}. {escape(note)}</p>"
            for key, owner, _, credit, note in rows
        )
        for key, owner, iban, credit, note in rows:
            if path == f"/account/{key}":
                page = (
                    f"<h1>{escape(owner)}</h1><p>IBAN {iban}</p><form method=post action=/account/{key}>"
                    f"<label>Owner <input name=owner value='{escape(owner)}'></label>"
                    f"<label>Credit <input name=credit value='{credit}'></label>"
                    f"<label>Note <textarea name=note>{escape(note)}</textarea></label><button>Save</button></form>"
                    f"<form method=post action=/close/{key}><input type=hidden name=sure value=1>"
                    "<button>Close</button></form>"
                )
        return answer(start_response, "200 OK", headers, f"<title>Ledger</title>{page}")


def answer(start_response, status, headers, page=""):
    start_response(status, headers)
    return [page.encode()]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        """Nothing."""


if __name__ == "__main__":
    if sys.argv[1] == "seed":
        seed(sys.argv[2])
    else:
        make_server("127.0.0.1", int(sys.argv[3]), Ledger(sys.argv[2]), handler_class=Quiet).serve_forever()
