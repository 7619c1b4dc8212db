"""A single-page application: one page whose script signs in, keeps its token in local storage and sends every change.

`python shelf.py seed FILE` makes its database, `python shelf.py serve FILE PORT` serves it.
"""

import json
import sqlite3
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ3aG8iOiJkYW5hIn0.Zm9ydHktdHdvLWJvb2tzLW9uLWEtc2hlbGY"
PAGE = """<!doctype html><meta charset="utf-8"><title>Shelf</title><div id="app"></div>
<script>
const app = document.getElementById("app");
const ask = async (method, path, body) => {
  const headers = {Authorization: localStorage.getItem("auth") ?? ""};
  const answer = await fetch(path, {method, headers, body: body && JSON.stringify(body)});
  return answer.ok ? answer.json() : null;
};
const draw = async () => {
  const books = localStorage.getItem("auth") && await ask("GET", "/api/books");
  localStorage.setItem("seen_at", String(performance.timeOrigin));
  if (!books) {
    app.innerHTML = `<form><h1>Sign in</h1><label>Who <input></label><label>Word <input type="password"></label>
      <button>Enter</button></form>`;
    app.querySelector("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const [who, word] = app.querySelectorAll("input");
      const told = await ask("POST", "/api/login", {who: who.value, word: word.value});
      if (told) localStorage.setItem("auth", told.token);
      await draw();
    });
    return;
  }
  app.innerHTML = "<h1>Books</h1><ul></ul><div></div>";
  for (const book of books) {
    const row = document.createElement("li");
    row.style.cursor = "pointer";
    row.innerHTML = `<b></b> <i></i>`;
    row.querySelector("b").textContent = book.title;
    row.querySelector("i").textContent = book.note;
    row.querySelector("b").addEventListener("click", () => edit(book));
    app.querySelector("ul").append(row);
  }
};
const edit = (book) => {
  const part = app.querySelector("div");
  part.innerHTML = `<form><label>Price <input type="number"></label><button>Save</button></form>
    <button type="button">More</button>`;
  part.querySelector("input").value = book.price;
  part.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    await ask("PATCH", `/api/books/${book.id}`, {price: part.querySelector("input").value});
    await draw();
  });
  part.lastElementChild.addEventListener("click", () => {
    part.innerHTML = "<p>Delete it?</p><button>Yes, delete</button>";
    part.lastElementChild.addEventListener("click", async () => {
      await ask("DELETE", `/api/books/${book.id}`);
      await draw();
    });
  });
};
draw();
</script>"""


class Shelf(BaseHTTPRequestHandler):
    file = ""

    def do_GET(self) -> None:
        if not self.path.startswith("/api/"):
            self.answer("text/html; charset=utf-8", PAGE)
        else:
            self.with_rows(lambda database: None)

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if said == {"who": "dana", "word": "quiet-river"}:
            self.answer("application/json", json.dumps({"token": TOKEN}))
        else:
            self.send_error(401)

    def do_PATCH(self) -> None:
        said, key = json.loads(self.rfile.read(int(self.headers["Content-Length"]))), self.path.rpartition("/")[2]
        self.with_rows(
            lambda database: database.execute("UPDATE book SET price = ? WHERE id = ?", (said["price"], key))
        )

    def do_DELETE(self) -> None:
        key = self.path.rpartition("/")[2]
        self.with_rows(lambda database: database.execute("DELETE FROM book WHERE id = ?", (key,)))

    def with_rows(self, change: Callable[[sqlite3.Connection], object]) -> None:
        if self.headers["Authorization"] != TOKEN:
            self.send_error(401)
            return
        with sqlite3.connect(self.file) as database:
            database.row_factory = sqlite3.Row
            change(database)
            rows = [dict(row) for row in database.execute("SELECT * FROM book ORDER BY id")]
        database.close()
        self.answer("application/json", json.dumps(rows))

    def answer(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    what, Shelf.file, *rest = sys.argv[1:]
    if what == "serve":
        ThreadingHTTPServer(("127.0.0.1", int(rest[0])), Shelf).serve_forever()
    with sqlite3.connect(Shelf.file) as filled:
        filled.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, price INTEGER, note TEXT)")
        rows = [("Atlas of rivers", 40, ""), ("Bread at home", 18, ""), ("Clouds and weather", 25, "")]
        filled.executemany("INSERT INTO book (title, price, note) VALUES (?, ?, ?)", rows)
