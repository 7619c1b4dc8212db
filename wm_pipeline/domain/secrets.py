"""Secrets in what is observed and recorded: found by field, by name and by shape, and replaced by marks.

A mark reads `<password 3f2a9c>`: its kind, and a digest under a key that only the deployment knows. Equal secrets have
equal digests, and who reads the marks without the key cannot try out short codes. What is executed keeps its real
value; only observations, earlier steps and recorded actions are redacted. An IBAN is no secret: it is what payments are
about. The goal stays as it was given.

Not by a library: detect-secrets reads lines of source code, knows neither fields nor card numbers nor one-time codes,
and had its last release in 2024.
"""

import base64
import hashlib
import math
import os
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

from wm_pipeline.domain.action import Action
from wm_pipeline.domain.address import hosts_in
from wm_pipeline.domain.authorization import Authorization, Bound, EffectPattern
from wm_pipeline.domain.delta import Dialog, Effect, StateDelta
from wm_pipeline.domain.state import Element, Form, FormField, NetworkEvent, State, StorageItem, TextBlock
from wm_pipeline.domain.vocabulary import ActionKind, SecretKind, StorageArea

MADE_UP = b"secrets drawn from seeds"
"""Key for worlds whose secrets are drawn from seeds that stand in their tables: equal in every process."""
DIGEST_BYTES = 3
KEY_BYTES = 32
_MOST_KNOWN = 200
"""Values of secret fields that are looked for elsewhere, the latest."""
_MOST_MEANT = 2000
_SHORTEST_KNOWN = 6
"""Shorter ones ("1234") occur elsewhere by chance; in a secret field they are redacted all the same."""
_SETTINGS = frozenset(
    {"on", "off", "yes", "no", "true", "false", "0", "1", "none", "enabled", "disabled", "required", "optional"}
)
"""What a field that is called after a secret ("mfa") is set to: no secret, and what decides."""

# --- by the field -----------------------------------------------------------------------------------------------------

FIELDS: Mapping[SecretKind, str] = {
    SecretKind.ONE_TIME_CODE: (
        "one-time-code|(?:^|[^a-z])(?:otp|totp|2fa|mfa|tan)(?:[^a-z]|$)|one.?time|passcode|einmal.?(?:code|passwort)|"
        "(?:verification|security|confirmation|auth\\w*|recovery|backup|login|sms|best.tigungs|sicherheits).?(?:code|pin)|"
        "code.(?:de.)?v.rif"
    ),
    SecretKind.CARD: (
        "cc-(?:number|csc|exp)|card.?(?:number|no\\b|num)|kartennummer|num.ro.de.carte|"
        "(?:^|[^a-z])(?:cvv|cvc|csc)2?(?:[^a-z]|$)"
    ),
    SecretKind.PASSWORD: (
        "^password(?: |$)|(?:current|new)-password|pass.?(?:word|wd|phrase)|(?:^|[^a-z])(?:pwd|pin)(?:[^a-z]|$)|"
        "passwort|kennwort|contrase|mot.de.passe|senha|parola.d"
    ),
    SecretKind.KEY: (
        "(?:api|access|private|secret|signing|license).?key|client.?secret|(?:^|[^a-z])secret(?:[^a-z]|$)|seed.?phrase"
    ),
    SecretKind.TOKEN: (
        "(?:access|auth|api|bearer|refresh|session|id|reset).?token|(?:^|[^a-z])(?:jwt|session.?id|sid)(?:[^a-z]|$)"
    ),
}
"""What the type, autocomplete, name and label of a secret's field say; JavaScript and Python read it alike."""
_FIELDS = {kind: re.compile(form, re.IGNORECASE) for kind, form in FIELDS.items()}
_NO_SECRET_TYPES = frozenset({"checkbox", "radio", "select", "file", "submit", "range", "color", "date"})


def kind_of_field(input_type: str | None, *names: str) -> SecretKind | None:
    """Of a field of that type that is called so; None where it holds no secret."""
    if input_type in _NO_SECRET_TYPES:
        return None
    said = " ".join((input_type or "", *names))
    return next((kind for kind, form in _FIELDS.items() if form.search(said)), None)


# --- by shape and by name ---------------------------------------------------------------------------------------------

_KEY_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,}|\bsk-[A-Za-z0-9_-]{16,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}|\bxox[abeprs]-[\w-]{8,}|\bAIza[\w-]{20,}"
    r"|\bya29\.[\w-]{16,}|\bnpm_[A-Za-z0-9]{20,}|\bpypi-[\w-]{16,}|\bSG\.[\w-]{10,}\.[\w-]{10,}|\bhf_[A-Za-z0-9]{16,}"
    r"|\bdop_v1_[a-f0-9]{16,}|\bwhsec_[\w+/=]{16,}"
)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?")
_BEARER = re.compile(r"\b(?:bearer|basic)\s+([\w.~+/-]{12,}=*)", re.IGNORECASE)
_USER = re.compile(r"://[^/\s:@]+:([^/\s@]+)@")
_IN_ADDRESS = re.compile(
    r"[;?&#/](?P<name>(?:j|php)?sess(?:ion)?_?-?id|sid|sessid|(?:access|refresh|id|auth|api|session|reset|csrf|login|magic)?_?-?token|"
    r"auth|sig|signature|x-amz-signature|x-amz-credential|api_?-?key|key|secret|client_secret|password|passwd|pwd|pass|"
    r"ticket|otp|code|jwt|pin)=(?P<value>[^&#\s;\"'<>]{4,})",
    re.IGNORECASE,
)
_LOOSE_IN_ADDRESS = frozenset({"code", "key", "auth", "pass", "pin", "ticket", "token", "sid"})
"""Names of other things, too: with one of these only a value with a digit is a secret."""
_NAMED_SO = (
    r"(?P<password>pass(?:word|wd|phrase)|pwd|passwort|kennwort|contraseña|mot de passe|senha)"
    r"|(?P<key>(?:api|access|private|secret|signing)[ _-]?key|client[ _-]?secret|secret)"
    r"|(?P<token>(?:access|auth|api|bearer|refresh|session|id|reset)[ _-]?token|token|jwt|session[ _-]?id)"
)
_ASSIGNED = re.compile(
    rf"\b(?:{_NAMED_SO})s?[\"']?\s*(?P<link>=|:|\||\bis\b|\bist\b|\best\b|\bes\b)\s*(?P<quote>[\"'`]?)(?P<value>[^\s\"'`<>,;|]{{4,}})",
    re.IGNORECASE,
)
_NO_VALUES = frozenset(
    (
        *("required", "must", "forgot", "forgotten", "optional", "changed", "reset", "invalid", "wrong", "incorrect"),
        *("weak", "strong", "hidden", "none", "never", "show", "hide", "updated", "expired", "should", "needs", "your"),
        *("this", "that", "with", "here", "null", "true", "false", "undefined", "empty", "missing", "stored", "sent"),
        *("string", "stark", "schwach", "falsch", "nicht", "very", "been", "only", "also", "what", "when", "repeat"),
        *("confirm", "current", "enter"),
    )
)
"""What is said about a secret after its name, and is none."""
_CODE_NAMED = re.compile(
    r"\b(?:(?:one[- ]?time|verification|security|confirmation|log-?in|sign-?in|access|authenti\w+|recovery|backup|sms|"
    r"two[- ]factor|2fa|mfa|reset)[ -]?(?:pass)?(?:code|pin|tan|word)|einmal\w*|bestätigungscode|sicherheitscode|"
    r"code de (?:vérification|sécurité)|código de (?:verificación|seguridad)|codice di (?:verifica|sicurezza)|"
    r"otp|pin|tan|passcode|cvc|cvv|csc)s?\b(?!\s*=?\s*<)[^0-9\n<]{0,24}?(?<![\w,.])"
    r"(?P<value>[0-9]{3,4}(?:[ -]?[0-9]{1,4})?)(?![\w,.:-]*[0-9])",
    re.IGNORECASE,
)
_CODE_BEFORE = re.compile(
    r"(?<![\w.,-])(?P<value>[0-9]{4,8}) (?:is|ist) (?:your|the|dein|ihr)\b[^.\n]{0,30}(?:code|pin|otp|passwor)",
    re.IGNORECASE,
)
_RECOVERY = re.compile(r"\b(?:recovery|backup|rescue|wiederherstellungs)[ -]?codes?\b", re.IGNORECASE)
_RECOVERY_CODE = re.compile(
    r"\b(?=[a-z-]*[0-9])[a-z0-9]{4,8}(?:-[a-z0-9]{4,8})+\b|\b(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{8,12}\b",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![\w.+-])[2-6](?:[ -]?[0-9]){12,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")
_RANDOM = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{32,}={0,2}(?![\w])")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_MAY_HOLD = re.compile(r"[0-9]{3}|[\w+/-]{16}|[=:|]|\b(?:is|ist|est|es)\b|-----BEGIN|://", re.IGNORECASE)
"""What every text with a secret has."""
MARK = re.compile(
    rf"<(?P<kind>{'|'.join(kind.words for kind in SecretKind)})(?: (?P<digest>[0-9a-f]{{{2 * DIGEST_BYTES}}}))?>"
)
_ENCODED = re.compile(r"[^\s&?#=/\"'<>]*%[0-9A-Fa-f]{2}[^\s&?#=/\"'<>]*")
_KINDS_ENCODED = "|".join(kind.words.replace(" ", "%20") for kind in SecretKind)
_ENCODED_MARK = re.compile(rf"%3C(?:{_KINDS_ENCODED})(?:%20[0-9a-f]{{{2 * DIGEST_BYTES}}})?%3E")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER = re.compile(r"(?<![\w.,])[0-9][0-9.,]*[0-9](?!\w)")
_STORED_SECRET = re.compile(r"token|jwt|session|auth|secret|password|passwd|api.?key|credential|bearer", re.IGNORECASE)


if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class Found(NamedTuple):
    start: int
    end: int
    kind: SecretKind


@lru_cache(maxsize=8192)
def secrets_in(text: str) -> tuple[Found, ...]:
    """Where a text holds secrets, in order, none inside of another; marks are none."""
    if len(text) < 4 or not _MAY_HOLD.search(text):
        return ()
    marks = [(mark.start(), mark.end()) for mark in MARK.finditer(text)]
    kept: list[Found] = []
    for found in sorted(_candidates(text), key=lambda one: (one.start, -one.end)):
        is_marked = any(found.start < end and start < found.end for start, end in marks)
        if is_marked:
            continue
        if kept and found.start < kept[-1].end:
            kept[-1] = kept[-1]._replace(end=max(found.end, kept[-1].end))
        else:
            kept.append(found)
    return tuple(kept)


def _candidates(text: str) -> Iterator[Found]:
    for form, kind in ((_KEY_SHAPES, SecretKind.KEY), (_JWT, SecretKind.TOKEN)):
        yield from (Found(*found.span(), kind) for found in form.finditer(text))
    yield from (Found(*found.span(1), SecretKind.TOKEN) for found in _BEARER.finditer(text))
    yield from (Found(*found.span(1), SecretKind.PASSWORD) for found in _USER.finditer(text))
    for found in _IN_ADDRESS.finditer(text):
        is_loose = found["name"].lower() in _LOOSE_IN_ADDRESS
        if not is_loose or (len(found["value"]) >= 6 and re.search(r"[0-9]", found["value"])):
            is_password = found["name"].lower().startswith(("pass", "pwd"))
            yield Found(*found.span("value"), SecretKind.PASSWORD if is_password else SecretKind.TOKEN)
    for found in _ASSIGNED.finditer(text):
        if _is_value(text, found):
            end = found.end("value")
            if found["link"] == "=" and "&" in found["value"]:
                end = text.index("&", found.start("value"))
            while text[end - 1] in ".!?)]}" and end - found.start("value") > 4:
                end -= 1
            yield Found(found.start("value"), end, _kind_named(found))
    for form in (_CODE_NAMED, _CODE_BEFORE):
        yield from (Found(*found.span("value"), SecretKind.ONE_TIME_CODE) for found in form.finditer(text))
    named = _RECOVERY.search(text)
    if named is not None:
        codes = _RECOVERY_CODE.finditer(text, named.end())
        yield from (Found(*found.span(), SecretKind.ONE_TIME_CODE) for found in codes)
    accounts = [found.span() for found in _IBAN.finditer(text)]
    for found in _CARD.finditer(text):
        is_account = any(start < found.end() and found.start() < end for start, end in accounts)
        if not is_account and _passes_luhn(found.group()):
            yield Found(*found.span(), SecretKind.CARD)
    for found in _RANDOM.finditer(text):
        if _is_random(found.group()) and not any(start <= found.start() < end for start, end in accounts):
            yield Found(*found.span(), SecretKind.TOKEN)


def _kind_named(found: re.Match[str]) -> SecretKind:
    """Of a match of _ASSIGNED."""
    return SecretKind.PASSWORD if found["password"] else SecretKind.KEY if found["key"] else SecretKind.TOKEN


def _may_be_value(value: str) -> bool:
    """Whether a word after a secret's name may be its value: enough to say that one may be there, not to redact it."""
    return value.lower().strip(".,!?:") not in _NO_VALUES


def _is_value(text: str, found: re.Match[str]) -> bool:
    """Whether what follows a secret's name is its value, and not the next words about it."""
    value = found["value"]
    if not _may_be_value(value):
        return False
    is_odd = re.search(r"[0-9]|[^\w\s.,!?:)-]|[a-z][A-Z]", value) is not None
    if is_odd or found["quote"]:
        return True
    if found["link"] in {"=", ":"}:
        return (
            text[found.end("value") : found.end("value") + 1] in {"", ".", "\n", ",", ";", "|"} or found["link"] == "="
        )
    return found["link"] != "|" and re.match(r"[.!]?\s*$", text[found.end("value") :]) is not None


def _passes_luhn(text: str) -> bool:
    digits = [int(sign) for sign in text if sign.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_random(text: str) -> bool:
    if _UUID.fullmatch(text) or not re.search(r"[0-9]", text) or not re.search(r"[A-Za-z]", text):
        return False
    counts = Counter(text)
    if _says_words(text):
        return False
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
    return bits >= 3.3 and _RUN.search(text) is not None


def _says_words(text: str) -> bool:
    """Whether a text is written in base 64 and says words: somebody's message, and no secret."""
    try:
        said = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:
        return False
    return len(re.findall(r"(?<!\S)[^\W\d_]{2,}[.,:;!?]?(?!\S)", said)) >= 3


def hidden(text: str) -> str:
    """A text with `<kind>` in the place of each secret; marks lose their digests, which say nothing to who reads."""
    parts, at = [], 0
    text = _with_decoded(text, hidden)
    for found in secrets_in(text):
        parts += [text[at : found.start], f"<{found.kind.words}>"]
        at = found.end
    return MARK.sub(lambda mark: f"<{mark['kind']}>", "".join((*parts, text[at:])))


def _with_decoded(text: str, without_secrets: Callable[[str], str]) -> str:
    """A text with those of its parts that are written with percent signs replaced where they hold a secret."""

    def replaced(found: re.Match[str]) -> str:
        decoded = unquote(found.group())
        # Decoded once: what is written with percent signs twice is for somebody else to read.
        redacted = without_secrets(decoded) if "%" not in decoded else decoded
        return found.group() if redacted == decoded else redacted

    return _ENCODED.sub(replaced, text) if "%" in text else text


def marks_in_address(address: str) -> str:
    """An address with its marks as they were, before it was written as addresses are."""
    return _ENCODED_MARK.sub(lambda found: unquote(found.group()), address)


def what_is_in(text: str) -> tuple[str, ...]:
    """What kinds of things a text holds, or seems to hold, in words, without repeating any but hosts."""
    found = [f"a {mark['kind']}" for mark in MARK.finditer(hidden(text))]
    found += [f"a {_kind_named(one).words}" for one in _ASSIGNED.finditer(text) if _may_be_value(one["value"])]
    found += [f"host {host}" for host in hosts_in(text)]
    found += ["an e-mail address"] if _MAIL.search(text) else []
    found += ["an account number"] if _IBAN.search(text) else []
    found += ["a number"] if _NUMBER.search(_IBAN.sub("", text)) else []
    return tuple(dict.fromkeys(found))


# --- replacing --------------------------------------------------------------------------------------------------------

_WRAPPED = re.compile("\x01(?P<kind>[a-z_]+)\x02(?P<value>[^\x03]*)(?:\x03|$)")
"""How the walker in the page says that a value is that of a secret's field."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a redactor has learned."""

    values: tuple[tuple[str, SecretKind], ...]
    bounds: tuple[tuple[tuple[str, str], str], ...]


class Redactor:
    """Replaces secrets by marks under one key; remembers what stood in secret fields, and finds it elsewhere, too."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: OrderedDict[str, SecretKind] = OrderedDict()
        self._meant: OrderedDict[str, str] = OrderedDict()
        """What marks stand for, the latest."""
        self._known_form: re.Pattern[str] | None = None
        self._kept: Mapping[str, SecretKind] = {}
        self._bounds: dict[tuple[str, str], str] = {}
        """What a goal names of columns, with what stands for it."""

    def mark(self, kind: SecretKind, value: str) -> str:
        """What stands for a secret; empty for an empty one, a mark for itself."""
        if not value or MARK.fullmatch(value):
            return value
        bare = re.sub(r"[ -]", "", value) if kind in (SecretKind.CARD, SecretKind.ONE_TIME_CODE) else value
        digest = hashlib.blake2b(bare.encode(errors="replace"), key=self._key, digest_size=DIGEST_BYTES).hexdigest()
        mark = f"<{kind.words} {digest}>"
        self._meant[mark] = value
        if len(self._meant) > _MOST_MEANT:
            self._meant.popitem(last=False)
        return mark

    def revealed(self, action: Action, goal: str) -> Action:
        """An action as it was before it was recorded: with what its marks stand for, as far as that was seen or the
        goal says it. For worlds whose secrets are made up, so that what was recorded can be done again; anywhere else
        an agent would get to type what it may not know.
        """
        words = [word.strip("\"'.,;:!?()") for word in goal.split()]

        def real(mark: re.Match[str]) -> str:
            if mark.group() in self._meant:
                return self._meant[mark.group()]
            kind = next(one for one in SecretKind if one.words == mark["kind"])
            return next((word for word in words if self.mark(kind, word) == mark.group()), mark.group())

        fields = tuple(replace(one, value=MARK.sub(real, one.value)) for one in action.fields)
        return replace(action, value=action.value and MARK.sub(real, action.value), fields=fields)

    def field(self, kind: SecretKind | None, value: str) -> str:
        """The value of a field that holds such a secret; it is known from now on. A setting ("off") is none."""
        wrapped = _WRAPPED.fullmatch(value)
        if wrapped is not None:
            kind, value = SecretKind(wrapped["kind"]), wrapped["value"]
        if kind is None or value.casefold() in _SETTINGS:
            return self.text(value)
        self.learn(kind, value)
        return self.mark(kind, value)

    def learn(self, kind: SecretKind, value: str) -> None:
        """Find this value in other texts, too."""
        if len(value) < _SHORTEST_KNOWN or MARK.search(value) or value in self._known:
            return
        self._known[value] = kind
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        self._compile()

    def keep(self, secrets: Mapping[str, SecretKind]) -> None:
        """Find these in every text, whatever else is forgotten: what a database is known to hold, the first of it."""
        long = [(value, kind) for value, kind in secrets.items() if len(value) >= _SHORTEST_KNOWN]
        self._kept = dict(long[:_MOST_KNOWN])
        self._compile()

    def _compile(self) -> None:
        longest_first = sorted({*self._known, *self._kept}, key=len, reverse=True)
        form = "|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in longest_first)
        self._known_form = re.compile(form) if form else None

    def _mark_known(self, found: re.Match[str]) -> str:
        value = found.group()
        return self.mark(self._kept.get(value) or self._known[value], value)

    def forget(self) -> None:
        """Know no value any more: what another episode has shown is no part of this one."""
        self._known.clear()
        self._bounds.clear()
        self._compile()

    def known(self) -> Known:
        """What it knows at this moment, to go back to."""
        return Known(tuple(self._known.items()), tuple(self._bounds.items()))

    def go_back(self, known: Known) -> None:
        """Know what it knew then: what was seen since is seen anew."""
        self._known, self._bounds = OrderedDict(known.values), dict(known.bounds)
        self._compile()

    def text(self, text: str) -> str:
        """A text without its secrets."""
        if "\x01" in text:
            text = _WRAPPED.sub(lambda found: self.field(SecretKind(found["kind"]), found["value"]), text)
        text = _with_decoded(text, self.text)
        if self._known_form is not None:
            text = self._known_form.sub(self._mark_known, text)
        found_ones = secrets_in(text)
        if not found_ones:
            return text
        parts, at = list[str](), 0
        for found in found_ones:
            parts += [text[at : found.start], self.mark(found.kind, text[found.start : found.end])]
            at = found.end
        return "".join((*parts, text[at:]))

    def texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(self.text, texts))

    # --- records ---------------------------------------------------------------------------------------------------

    def element(self, element: Element) -> Element:
        value = element.value
        kind = kind_of_field(element.input_type, element.name) if element.role in _WRITTEN_ROLES else None
        return _with(
            element,
            name=self.text(element.name),
            value=None if value is None else self.field(kind, value),
            href=None if element.href is None else self.text(element.href),
            covered_by=None if element.covered_by is None else self.text(element.covered_by),
            options=self.texts(element.options),
        )

    def form(self, form: Form) -> Form:
        return _with(
            form,
            name=self.text(form.name),
            action_url=self.text(form.action_url),
            fields=tuple(map(self._form_field, form.fields)),
            submitters=tuple(
                _with(one, action_url=self.text(one.action_url), value=self.text(one.value)) for one in form.submitters
            ),
        )

    def _form_field(self, field: FormField) -> FormField:
        if field.is_token:
            return field
        kind = kind_of_field(field.input_type, field.name, field.label)
        return _with(field, label=self.text(field.label), value=self.field(kind, field.value))

    def block(self, block: TextBlock) -> TextBlock:
        return _with(block, text=self.text(block.text))

    def item(self, item: StorageItem) -> StorageItem:
        """What is stored; the value of a key that is called after a secret is one as a whole."""
        if item.area in (StorageArea.SERVICE_WORKER, StorageArea.INDEXED_DB) or not _STORED_SECRET.search(item.key):
            return _with(item, key=self.text(item.key), value=self.text(item.value))
        is_structured = item.value[:1] in "{[" or " " in item.value
        value = self.text(item.value) if is_structured or not item.value else self.mark(SecretKind.TOKEN, item.value)
        return _with(item, key=self.text(item.key), value=value)

    def events(self, events: Iterable[NetworkEvent]) -> tuple[NetworkEvent, ...]:
        return tuple(_with(event, url=self.text(event.url)) for event in events)

    def state(self, state: State) -> State:
        """A state without its secrets, but for its goal, which is the user's own words."""
        return _with(
            state,
            # Fields first: what stands in one that is secret is found everywhere else, too.
            forms=tuple(map(self.form, state.forms)),
            elements=tuple(map(self.element, state.elements)),
            url=self.text(state.url),
            title=self.text(state.title),
            texts=tuple(map(self.block, state.texts)),
            unseen=self.texts(state.unseen),
            storage=tuple(map(self.item, state.storage)),
            network=self.events(state.network),
            prior_steps=self.texts(state.prior_steps),
            earlier=tuple(_with(one, text=self.text(one.text)) for one in state.earlier),
            other_tabs=self.texts(state.other_tabs),
            tool_results=self.texts(state.tool_results),
        )

    def action(self, state: State, action: Action) -> Action:
        """An action as it is recorded; the one that is executed keeps its values."""
        value = action.value
        if value is not None:
            element = state.element(action.target_ref or "")
            is_typed = element is not None and action.kind is ActionKind.FILL
            value = self.field(self._kind_typed(state, element) if element is not None and is_typed else None, value)
        form = state.form(action.target_ref or "")
        kinds = (
            {one.name: kind_of_field(one.input_type, one.name, one.label) for one in form.fields}
            if form is not None
            else {}
        )
        arguments = action.tool_arguments
        return _with(
            action,
            value=value,
            fields=tuple(_with(one, value=self.field(kinds.get(one.name), one.value)) for one in action.fields),
            tool_arguments=None if arguments is None else self.text(arguments),
        )

    def _kind_typed(self, state: State, element: Element) -> SecretKind | None:
        fields = (one for form in state.forms for one in form.fields if one.element_ref == element.element_ref)
        names = next(((one.name, one.label) for one in fields), ())
        return kind_of_field(element.input_type, element.name, *names)

    def delta(self, delta: StateDelta) -> StateDelta:
        return _with(
            delta,
            url=None if delta.url is None else self.text(delta.url),
            title=None if delta.title is None else self.text(delta.title),
            dom_added=self.texts(delta.dom_added),
            dom_removed=self.texts(delta.dom_removed),
            notices=self.texts(delta.notices),
            network=self.events(delta.network),
            storage=tuple(_with(one, key=self.text(one.key)) for one in delta.storage),
            downloads=self.texts(delta.downloads),
            dialogs=self.dialogs(delta.dialogs),
        )

    def dialogs(self, dialogs: Iterable[Dialog]) -> tuple[Dialog, ...]:
        return tuple(_with(one, message=self.text(one.message)) for one in dialogs)

    # --- what happened on a server: a column is a field by its name -----------------------------------------------

    def authorization(self, authorization: Authorization) -> Authorization:
        """What a goal allows, to be asked of effects without secrets: a value that it names has one mark in both."""
        return _with(authorization, patterns=tuple(map(self._pattern, authorization.patterns)))

    def _pattern(self, pattern: EffectPattern) -> EffectPattern:
        return _with(pattern, bounds=tuple(map(self._bound, pattern.bounds)))

    def _bound(self, bound: Bound) -> Bound:
        values = tuple(self.column(bound.field, value) for value in bound.values)
        self._bounds |= {
            (bound.field, plain.strip().casefold()): to for plain, to in zip(bound.values, values, strict=True)
        }
        return _with(bound, values=values)

    def column(self, name: str, value: str, kind: SecretKind | None = None) -> str:
        """A column's value; `kind` where it is known to hold nothing else."""
        known = self._bounds.get((name, value.strip().casefold()))
        return self.field(kind or kind_of_field(None, name), value) if known is None else known

    def effects(
        self, effects: Iterable[Effect], kind_of: Callable[[Effect, str], SecretKind | None] = lambda *_: None
    ) -> tuple[Effect, ...]:
        """Effects without secrets; `kind_of` says which columns hold nothing else."""
        return tuple(
            _with(
                effect,
                subject=self.text(effect.subject),
                changes=tuple(
                    _with(
                        one,
                        before=None
                        if one.before is None
                        else self.column(one.name, one.before, kind_of(effect, one.name)),
                        after=None
                        if one.after is None
                        else self.column(one.name, one.after, kind_of(effect, one.name)),
                    )
                    for one in effect.changes
                ),
            )
            for effect in effects
        )


_WRITTEN_ROLES = frozenset({"textbox", "searchbox", "spinbutton", "combobox"})


def _with(record: T, **changes: Any) -> T:
    """The record itself where nothing changes."""
    return replace(record, **changes) if any(getattr(record, name) != to for name, to in changes.items()) else record


def new_key() -> bytes:
    return token_bytes(KEY_BYTES)


def key_kept_in(folder: Path) -> bytes:
    """The deployment's key, made when it is first asked for; only its owner may read the file."""
    file = folder / "redaction.key"
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(new_key())
    return file.read_bytes()


def walker_options() -> list[list[str]]:
    """For the walker in the page: kinds of secret fields with what they are called."""
    return [[kind.value, form] for kind, form in FIELDS.items()]
