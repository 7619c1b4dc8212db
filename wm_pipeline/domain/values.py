"""Values in texts: what a value is of, whether two are the same, whether a text mentions one.

A number is one in any locale's writing (`1,250.00`, `1.250,00`, `1 250`), a date in the usual written forms. Digits
that are no number (accounts, telephones, postal codes) are compared sign by sign.

Names are compared in one Unicode form. Letters of other scripts that look alike (a Cyrillic and a Latin a) stay
different letters: no table of confusables is applied, so such a name counts as another one.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from heapq import merge
from itertools import accumulate

from wm_pipeline.domain.address import hosts_in, parse_address
from wm_pipeline.domain.vocabulary import ValueKind

_NUMBER = r"(?:[0-9]{1,3}(?:[ '’][0-9]{3}(?![0-9]))+(?:[.,][0-9]+)?|[0-9]+(?:[.,][0-9]+)*)"
_ALONE = re.compile(rf"(?<![\w.,:/@-])[-+]?{_NUMBER}(?![\w:/@-])(?![.,][0-9])")
"""A number that stands alone: no part of a name, an account, a date or a time."""
_CURRENCY = (
    r"(?:[$€£¥₹]|\b(?:eur|euros?|usd|dollars?|gbp|pounds?|chf|francs?|franken|jpy|yen|sek|nok|dkk|pln|czk|inr)\b)"
)
_IS_MONEY_BEFORE, _IS_MONEY_AFTER = re.compile(rf"{_CURRENCY}\s*$"), re.compile(rf"^\s*{_CURRENCY}")
_CENTS = re.compile(r"[.,][0-9]{2}$")
_NUMBERED = re.compile(
    r"(?:\b(?:invoices?|bills?|orders?|tickets?|accounts?|rooms?|numbers?|no|nr|id|ref|reference|rechnung|bestellung|"
    r"facture|commande|factura|pedido|fattura|ordine)\b\.?|#)\s*$"
)
"""Words after which a number is a name."""
_GROUPED = (
    (re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"), ",", "."),
    (re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?"), ".", ","),
    (re.compile(r"[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]+)?"), " ", ","),
    (re.compile(r"[0-9]{1,3}(?:['’][0-9]{3})+(?:[.,][0-9]+)?"), "'", ","),
    (re.compile(r"[0-9]+(?:\.[0-9]+)?"), "", "."),
    (re.compile(r"[0-9]+(?:,[0-9]+)?"), "", ","),
)
"""Ways to write a number: its form, what groups its digits, what stands before its fraction."""
_MAIL = re.compile(r"[^\s@<>,;:]+@[^\s@<>,;:]+\.[^\s@<>,;:]+")
_IBAN = re.compile(r"[a-z]{2}[0-9]{2}(?: ?[a-z0-9]{1,4}){2,8}")
_POSTAL = re.compile(r"[a-z0-9][a-z0-9 -]{1,9}")
_HAS_DIGIT = re.compile(r"[0-9]")
_MONEY_NAME = re.compile(
    r"amount|price|total|\bsum\b|summe|cost|\bfee\b|salary|balance|budget|credit|payment|betrag|preis|gehalt|montant|prix|"
    r"importe|precio|importo|prezzo|\blimit\b|refund|charge"
)
_COUNT_NAME = re.compile(r"quantity|\bqty\b|count|number of|how many|anzahl|menge|quantit|cantidad|hours|days|pieces")
_POSTAL_NAME = re.compile(r"\bzip\b|zipcode|postal|postcode|\bplz\b|postleitzahl|code postal|\bcap\b")
_IDENTIFIER_NAME = re.compile(
    r"\bid\b|iban|account|konto|compte|cuenta|reference|\bref\b|\bcode\b|phone|telefon|mobile|\bnumber\b|\bnr\b|\bno\b|"
    r"invoice|\bcard\b|\bbic\b|swift|serial"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier enero gennaio jänner",
            "feb february februar février fevrier febrero febbraio",
            "mar march märz maerz mars marzo mär",
            "apr april avril abril aprile",
            "may mai mayo maggio",
            "jun june juni juin junio giugno",
            "jul july juli juillet julio luglio",
            "aug august août aout agosto",
            "sep sept september septembre septiembre settembre",
            "oct okt october oktober octobre octubre ottobre",
            "nov november novembre noviembre",
            "dec dez december dezember décembre decembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_ISO_DATE = re.compile(r"(?<![\w-])([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?![0-9-])")
_SHORT_DATE = re.compile(r"(?<![\w./-])([0-9]{1,2})([./])\s?([0-9]{1,2})\2\s?([0-9]{4}|[0-9]{2})(?![\w/-])")
_DAY_FIRST = re.compile(
    r"(?<![\w.])([0-9]{1,2})(?:st|nd|rd|th|\.)?\s+(?:of |de |di )?([^\W\d_]{3,10})\.?(?:,?\s+(?:de )?([0-9]{4}))?\b"
)
_MONTH_FIRST = re.compile(r"\b([^\W\d_]{3,10})\.?\s+([0-9]{1,2})(?:st|nd|rd|th)?(?:,?\s+([0-9]{4}))?\b")

Date = tuple[int | None, int, int]
"""Year, where it is told, month and day."""


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """The one form in which names are compared: NFKC, no case, no marks that nobody sees, single spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFKC", text)
    if not text.isascii():
        text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join(text.split())


def is_mentioned(value: str, text: str) -> bool:
    """Whether a text holds a value: the same number or date, else the same words, whatever the case and grouping."""
    sought, whole = plain(value), plain(text)
    if _stands_in(sought, whole):
        return True
    numbers, dates = readings(sought), dates_in(sought)
    return bool(numbers and numbers & _numbers_of(whole)) or (
        is_date(sought) and any(_is_same_day(one, other) for one in dates for other in dates_in(whole))
    )


class Texts:
    """Several texts made ready to be searched for many values, in time of their sum rather than of their product."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        whole = [plain(text) for text in texts]
        ungrouped = [_ungrouped(text) for text in whole]
        self._joined = "\n".join(ungrouped)
        self._starts = [0, *accumulate(len(text) + 1 for text in ungrouped)]
        self._by_number: dict[Decimal, list[int]] = {}
        for at, text in enumerate(whole):
            for number in _numbers_of(text):
                self._by_number.setdefault(number, []).append(at)
        self._dated = [at for at, text in enumerate(whole) if dates_in(text)]

    def holding(self, value: str) -> Iterator[int]:
        """Where those stand in which a value is mentioned, in order."""
        sought = plain(value)
        others = {at for number in readings(sought) for at in self._by_number.get(number, ())}
        others.update(self._dated if is_date(sought) else ())
        return (at for at in merge(sorted(others), self._with_words(sought)) if is_mentioned(value, self._texts[at]))

    def _with_words(self, sought: str) -> Iterator[int]:
        needle = _ungrouped(sought)
        found = self._joined.find(needle) if needle else -1
        while found >= 0:
            at = bisect_right(self._starts, found) - 1
            yield at
            found = self._joined.find(needle, self._starts[at + 1])


@lru_cache(maxsize=16)
def made_ready(texts: tuple[str, ...]) -> Texts:
    """Kept for the next question about the same state."""
    return Texts(texts)


def _stands_in(sought: str, whole: str) -> bool:
    needle, text = _ungrouped(sought), _ungrouped(whole)
    start = text.find(needle) if needle else -1
    while start >= 0:
        end = start + len(needle)
        starts_inside = needle[0].isalnum() and text[start - 1 : start].isalnum()
        ends_inside = needle[-1].isalnum() and text[end : end + 1].isalnum()
        is_longer_number = needle[-1].isdigit() and re.match(r"[.,][0-9]", text[end : end + 2]) is not None
        is_part_of_code = re.search(r"\w[-/]$", text[max(0, start - 2) : start]) is not None
        is_other_number = (is_longer_number or is_part_of_code) and readings(sought)
        if not starts_inside and not ends_inside and not is_other_number:
            return True
        start = text.find(needle, start + 1)
    return False


def _ungrouped(text: str) -> str:
    return re.sub(r"(?<=[0-9])(?:\s(?=[0-9])|,(?=[0-9]{3}(?![0-9])))", "", text)


# --- numbers ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def readings(text: str) -> frozenset[Decimal]:
    """The numbers that a text can be, by locale: `1.250` is 1.25 or 1250; empty where it is none.

    Zeros in front make it a code, and more than 15 digits an account.
    """
    written = text.strip().lstrip("-+") if text.strip().startswith("-") else text.strip()
    digits = sum(sign.isdigit() for sign in written)
    if not digits or digits > 15 or re.match(r"0[0-9]", written):
        return frozenset()
    sign = -1 if text.strip().startswith("-") else 1
    found = set[Decimal]()
    for form, group, point in _GROUPED:
        if form.fullmatch(written):
            bare = written.replace("’", "'").replace(group, "") if group else written
            found.add(sign * Decimal(bare.replace(point, ".").replace(",", ".")))
    return frozenset(found)


@lru_cache(maxsize=4096)
def _numbers_of(text: str) -> frozenset[Decimal]:
    return frozenset(number for found in _ALONE.finditer(text) for number in readings(found.group().strip()))


@lru_cache(maxsize=512)
def amounts_in(text: str) -> frozenset[Decimal]:
    """The amounts of money that a text names; where no number is marked as one, all that name nothing."""
    whole = plain(text)
    money, others = set[Decimal](), set[Decimal]()
    for found in _ALONE.finditer(whole):
        before, after = whole[: found.start()], whole[found.end() :]
        is_money = _IS_MONEY_BEFORE.search(before[-12:]) or _IS_MONEY_AFTER.match(after[:12])
        if is_money or _CENTS.search(found.group()):
            money |= readings(found.group())
        elif not _NUMBERED.search(before[-16:]):
            others |= readings(found.group())
    return frozenset(money or others)


def is_over(value: str, kind: ValueKind, goal: str) -> bool:
    """Whether a number is above every one of its kind that the goal names; False where it names none."""
    if kind not in (ValueKind.AMOUNT, ValueKind.QUANTITY):
        return False
    asked = amounts_in(goal) if kind is ValueKind.AMOUNT else _numbers_of(plain(goal))
    sent = readings(_without_currency(value))
    return bool(asked) and bool(sent) and not sent & asked and max(sent) > max(asked)


def is_asked(value: str, kind: ValueKind, goal: str) -> bool:
    """Whether the goal names a value: an amount among its amounts, anything else anywhere."""
    amounts = amounts_in(goal) if kind is ValueKind.AMOUNT else frozenset[Decimal]()
    sent = readings(_without_currency(value)) if amounts else frozenset[Decimal]()
    return bool(sent & amounts) if sent else is_mentioned(value, goal)


def _without_currency(value: str) -> str:
    return re.sub(_CURRENCY, "", plain(value)).strip()


# --- dates ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def dates_in(text: str) -> frozenset[Date]:
    """Every day that a text names, in each way it can be read."""
    return frozenset(date for date in _dates_in(plain(text)) if 1 <= date[1] <= 12 and 1 <= date[2] <= 31)


def _dates_in(text: str) -> Iterator[Date]:
    for year, month, day in _ISO_DATE.findall(text):
        yield int(year), int(month), int(day)
    for first, separator, second, year in _SHORT_DATE.findall(text):
        full = int(year) + (2000 if len(year) == 2 else 0)
        yield full, int(second), int(first)
        if separator == "/":
            yield full, int(first), int(second)
    for day, month, year in _DAY_FIRST.findall(text):
        if month in _MONTHS:
            yield int(year) if year else None, _MONTHS[month], int(day)
    for month, day, year in _MONTH_FIRST.findall(text):
        if month in _MONTHS:
            yield int(year) if year else None, _MONTHS[month], int(day)


def _is_same_day(one: Date, other: Date) -> bool:
    return one[1:] == other[1:] and (one[0] is None or other[0] is None or one[0] == other[0])


def is_date(value: str) -> bool:
    """Whether a value is a day, alone or with a time of day."""
    written = re.sub(
        r"[t ]?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:z|[+-][0-9]{2}:?[0-9]{2})?$", "", plain(value)
    )
    return any(form.fullmatch(written) for form in (_ISO_DATE, _SHORT_DATE)) or (
        any(form.fullmatch(written) for form in (_DAY_FIRST, _MONTH_FIRST)) and bool(dates_in(written))
    )


# --- kinds ------------------------------------------------------------------------------------------------------------


def kind_of(name: str, value: str) -> ValueKind:
    """What a value is of, by its form and by what its field is called."""
    called, written = plain(name.replace("_", " ").replace("-", " ")), plain(value)
    bare = _without_currency(value)
    is_number = bool(readings(bare))
    if _MAIL.fullmatch(written):
        return ValueKind.MAIL
    if parse_address(written).host or (" " not in written and len(written) < 300 and hosts_in(written)):
        return ValueKind.ADDRESS
    if is_date(written):
        return ValueKind.DATE
    if _HAS_DIGIT.search(written) and _POSTAL_NAME.search(called) and _POSTAL.fullmatch(written):
        return ValueKind.POSTAL_CODE
    if is_number and _MONEY_NAME.search(called):
        return ValueKind.AMOUNT
    if is_number and _COUNT_NAME.search(called):
        return ValueKind.QUANTITY
    if _IBAN.fullmatch(written) or (_HAS_DIGIT.search(written) and _IDENTIFIER_NAME.search(called)):
        return ValueKind.IDENTIFIER
    if is_number:
        return ValueKind.AMOUNT if bare != written or _CENTS.search(bare) else ValueKind.QUANTITY
    is_code = _HAS_DIGIT.search(written) and " " not in written and not re.search(r"[.,;!?]", written)
    return ValueKind.IDENTIFIER if is_code else ValueKind.TEXT
