"""What only the typed records can say of a row: the facts of its delta, the suspicious patterns of its action.

Both are defined in `domain`, for one record at a time. Here they are said of a whole column: facts by expressions,
patterns by expressions where a row plainly has none and by `patterns_of` for the others. Tests hold them to be equal.
"""

import polars as pl

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import split_address
from wm_pipeline.domain.records import from_row
from wm_pipeline.domain.relations import patterns_of, stored_remote_hosts
from wm_pipeline.domain.state import State
from wm_pipeline.domain.vocabulary import ActionKind, StatePattern, Visibility

_PLAIN_ADDRESS = r"^https?://([a-z0-9.-]+)(?::[0-9]*)?(/[^?#\s\x00-\x1f]*)?(?:[?#]|$)"
"""Addresses whose host and path a pattern finds as `split_address` does; of others it is asked."""
_SPACE = r"[\s\x1c-\x1f]+"
"""What Python's `split` takes for white space."""
_HOST = r"(?i)(?:[a-z0-9\x{130}\x{131}-]+\.)+[a-z\x{130}\x{131}]{2,}"
"""Where this finds nothing, no host is named; the two letters are an `i` to Python's case folding and not to Rust's."""
_SENDING_NOTHING = (
    *(ActionKind.NOOP, ActionKind.BACK, ActionKind.ASK_HUMAN, ActionKind.CHECK, ActionKind.TOOL_CALL),
    ActionKind.RUN_SCRIPT,
)
"""Kinds of action with neither a destination nor a form."""


def delta_texts(deltas: pl.Series) -> pl.Series:
    """`delta_text` of each delta, a struct column with StateDelta's fields."""
    # Files arrive in any order: `list.eval` panics where the first chunk's lists are all empty (Polars 2.1.0).
    frame = deltas.rechunk().struct.unnest()
    requests = frame["network"].explode(empty_as_null=False).struct.field("url")
    oddities = _split_oddities(pl.concat([frame["url"].drop_nulls(), requests]))
    url, principal, element = pl.col("url"), pl.col("auth").struct.field("principal"), pl.element()
    is_told = _of("is_cross_site") | (_of("method") != "GET")
    request = pl.format("request {} {}", _word(_of("method")), _word(_host(_of("url"), oddities)))
    rows = pl.format("rows {} {} {}", _word(_of("site")), _word(_of("table")), _of("operation"))
    facts: list[pl.Expr | pl.Series] = [
        _where(url, pl.format("url {}", _word(pl.concat_str(_host(url, oddities), _path(url, oddities))))),
        _where(pl.col("auth"), pl.format("auth {}", _words(_or(principal, "signed out")))),
        _each(frame["database"], rows),
        _each(frame["storage"], pl.format("storage {} {} {}", _of("area"), _words(_of("key")), _of("operation"))),
        _each(frame["network"], pl.when(is_told).then(request)),
        _each(frame["downloads"], pl.format("download {}", _words(element))),
        _each(frame["dialogs"], pl.format("dialog {}", _word(_of("dialog_type")))),
        _joined(pl.col("notices").list.head(2).list.eval(pl.format("notice {}", _words(element)))),
    ]
    text = pl.concat_str(*facts, separator="\n", ignore_nulls=True)
    return frame.select(_or(text, "nothing").alias(deltas.name)).to_series()


def _of(name: str) -> pl.Expr:
    """A field of a list's element."""
    return pl.element().struct.field(name)


def _where(known: pl.Expr, fact: pl.Expr) -> pl.Expr:
    return pl.when(known.is_not_null()).then(fact)


def _each(records: pl.Series, fact: pl.Expr) -> pl.Series:
    """One fact for each element of a list that has one, each once, in order; null for a list without.

    Only lists of several are sorted: Polars takes ten times longer for that than for all the rest, and they are rare.
    """
    found = records.to_frame().select(pl.col(records.name).list.eval(fact).list.drop_nulls())
    joined = found.select(_joined(pl.col(records.name))).to_series()
    several = found.to_series().list.len() > 1
    if not several.any():
        return joined
    in_order = found.to_series().filter(several).list.unique().list.sort().list.join("\n")
    return joined.scatter(several.arg_true(), in_order)


def _joined(facts: pl.Expr) -> pl.Expr:
    return pl.when(facts.list.len() > 0).then(facts.list.join("\n"))


def _or(text: pl.Expr, otherwise: str) -> pl.Expr:
    return pl.when(text.is_null() | (text == "")).then(pl.lit(otherwise)).otherwise(text)


def _words(text: pl.Expr) -> pl.Expr:
    return _or(text.str.replace_all(_SPACE, " ").str.strip_chars(" "), "-")


def _word(text: pl.Expr) -> pl.Expr:
    return _or(text.str.replace_all(_SPACE, " ").str.strip_chars(" ").str.replace_all(" ", "_", literal=True), "-")


def _split_oddities(addresses: pl.Series) -> dict[str, tuple[str, str]]:
    """Host and path of the addresses that are not plain."""
    odd = addresses.filter(~addresses.str.contains(_PLAIN_ADDRESS)).unique()
    return {url: ((parts := split_address(url)).hostname or "", parts.path or "/") for url in odd}


def _host(url: pl.Expr, oddities: dict[str, tuple[str, str]]) -> pl.Expr:
    return _part(url, oddities, 0).fill_null(url.str.extract(_PLAIN_ADDRESS, 1))


def _path(url: pl.Expr, oddities: dict[str, tuple[str, str]]) -> pl.Expr:
    return _part(url, oddities, 1).fill_null(_or(url.str.extract(_PLAIN_ADDRESS, 2), "/"))


def _part(url: pl.Expr, oddities: dict[str, tuple[str, str]], part: int) -> pl.Expr:
    """Of an odd address; null for a plain one."""
    return url.replace_strict(
        pl.Series(oddities.keys(), dtype=pl.String),
        pl.Series([parts[part] for parts in oddities.values()], dtype=pl.String),
        default=None,
        return_dtype=pl.String,
    )


def patterns_of_actions(state_ids: pl.Series, actions: pl.Series, states: pl.LazyFrame) -> pl.Series:
    """The values of `patterns_of` each action in its state."""
    wanted = states.filter(pl.col("state_id").is_in(state_ids.unique().implode())).select("state_id", "state")
    known = wanted.unique("state_id", keep="first").collect().rechunk()  # as in `delta_texts`
    asked = pl.DataFrame({"state_id": state_ids, "action": actions})
    others = asked.with_row_index().filter(~_is_plain(asked, known))
    stored = pl.col("state").struct.field("storage").list.eval(_of("value").str.contains(_HOST))
    storing = known.filter(stored.list.any())["state_id"]
    read = known.filter(pl.col("state_id").is_in(pl.concat([storing, others["state_id"]]).unique().implode()))
    state_of = {state_id: from_row(State, state) for state_id, state in read.iter_rows()}
    remote = [state_id for state_id in storing if stored_remote_hosts(state_of[state_id])]
    plainly = pl.when(pl.col("state_id").is_in(remote)).then([StatePattern.MEMORY_POISONING.value]).otherwise([])
    found = [
        [pattern.value for pattern in patterns_of(state_of[state_id], from_row(Action, action))]
        for _, state_id, action in others.iter_rows()
    ]
    asked_again = others.select("index", pl.Series("patterns", found, dtype=pl.List(pl.String)))
    return asked.select(plainly.alias("patterns")).with_row_index().update(asked_again, on="index")["patterns"]


def _is_plain(asked: pl.DataFrame, states: pl.DataFrame) -> pl.Series:
    """Whether an action plainly has no pattern but that of its state's storage.

    It sends nothing and leaves for no other site, or what it sends names no host, stays on the site and stands on a
    page without a word that somebody else wrote.
    """
    pages = states.select("state_id", pl.col("state").struct.field("url", "elements", "forms", "texts"))
    is_untrusted = _of("author").is_not_null() | (_of("visibility") != Visibility.VISIBLE.value)
    here = pages.select(
        "state_id",
        _plain_host("url").alias("here"),
        pl.col("texts").list.eval(is_untrusted).list.any().alias("has_untrusted_text"),
    )
    kind, value, href = pl.col("kind"), pl.col("value"), pl.col("href")
    names_host = pl.col("names_host").fill_null(False)
    types_host = pl.col("fields").list.eval(_of("value").str.contains(_HOST)).list.any()
    stays = (_plain_host("href") == pl.col("here")) & ~href.str.contains("?", literal=True)
    sends_home = (pl.col("sent_to") == pl.col("here")) & ~pl.col("form_names_host") & ~types_host & ~names_host
    is_plain = (
        pl.when(kind.is_in(_SENDING_NOTHING))
        .then(pl.lit(True))
        .when(kind == ActionKind.PRESS)
        .then(value != "Enter")
        .when(kind.is_in([ActionKind.FILL, ActionKind.SELECT]))
        .then(~pl.col("has_untrusted_text") & ~value.fill_null("").str.contains(_HOST))
        .when(pl.col("form_names_host").is_not_null())
        .then(sends_home & ~pl.col("has_untrusted_text"))
        .when(kind == ActionKind.CLICK)
        .then((href.is_null() | stays) & ~names_host)
        .otherwise(kind == ActionKind.SUBMIT)
    )
    return (
        asked.select("state_id", pl.col("action").struct.unnest())
        .join(here, on="state_id", how="left", maintain_order="left")
        .join(_elements(pages), on=["state_id", "target_ref"], how="left", maintain_order="left")
        .join(_forms(pages), on=["state_id", "target_ref", "kind"], how="left", maintain_order="left")
        .select(is_plain.fill_null(False))
        .to_series()
    )


def _elements(pages: pl.DataFrame) -> pl.DataFrame:
    """What can be acted on: where each leads, and whether it is called like a host."""
    element = pl.col("elements").struct
    return (
        pages.select("state_id", "elements")
        .explode("elements", empty_as_null=False)
        .select(
            "state_id",
            element.field("element_ref").alias("target_ref"),
            element.field("href"),
            element.field("name").str.contains(_HOST).alias("names_host"),
        )
        .unique(["state_id", "target_ref"], keep="first", maintain_order=True)
    )


def _forms(pages: pl.DataFrame) -> pl.DataFrame:
    """Forms by what sends them, a click on their button or a submit: where to, and whether they name a host."""
    forms = (
        pages.select("state_id", "forms")
        .explode("forms", empty_as_null=False)
        .select("state_id", pl.col("forms").struct.unnest())
        .select(
            *("state_id", "form_ref", "submit_ref"),
            _plain_host("action_url").alias("sent_to"),
            pl.any_horizontal(
                pl.col("name").str.contains(_HOST),
                pl.col("fields").list.eval(_of("value").str.contains(_HOST)).list.any(),
            ).alias("form_names_host"),
        )
    )
    return pl.concat(
        forms.filter(pl.col(ref).is_not_null())
        .select("state_id", pl.col(ref).alias("target_ref"), pl.lit(kind).alias("kind"), "sent_to", "form_names_host")
        .unique(["state_id", "target_ref"], keep="first", maintain_order=True)
        for ref, kind in (("submit_ref", ActionKind.CLICK.value), ("form_ref", ActionKind.SUBMIT.value))
    )


def _plain_host(name: str) -> pl.Expr:
    """The host of a plain address; null for others."""
    return pl.col(name).str.extract(_PLAIN_ADDRESS, 1)
