"""Request tokens: a site's own protection against forged requests, which tells nothing about what is sent.

One list for the walker in the page and for Python. A field is a token when it is called like one, or when it is hidden
and called like something random, and when its value could be one: a name alone would hide an account number.
"""

import re

SHOWN = "csrf"
"""What stands in a State instead of a token's value."""
NAMES = "|".join(
    (
        "csrf",  # Django, Spring, Phoenix, Symfony, and whoever calls it by its name
        "xsrf",  # Angular, axios, ASP.NET
        "^authenticity_token$",  # Rails
        "^_token$",  # Laravel, Symfony
        "requestverificationtoken$",  # ASP.NET
        "^__(?:viewstate|viewstategenerator|viewstateencrypted|eventvalidation|previouspage)$",  # ASP.NET Web Forms
        "^javax\\.faces\\.viewstate$",
        "^_?wpnonce$|_wpnonce$",  # WordPress
        "(?:^|[_.-])nonce$",
        "^form_build_id$|^form_token$",  # Drupal
        "^sesskey$",  # Moodle
        "^(?:anti[_-]?forgery|request[_-]?token|security[_-]?token|formkey|form[_-]key)",  # Magento and others
    )
)
"""What tokens are called; JavaScript and Python read it alike, whatever the case."""
HIDDEN_NAMES = "token|nonce|state$|hash$|signature$"
"""What hidden fields with something random are called."""
VALUE = "^[A-Za-z0-9+/=_.:~-]{6,}$"
NO_VALUE = "^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,}$|^[0-9.:-]+$|^https?:|[.][a-z]{2,}(?:/|$)"
"""Accounts, numbers, telephones and addresses are written with the same signs and are no token."""
RANDOM = "^(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_-]{20,}$"

_NAMES, _HIDDEN_NAMES = re.compile(NAMES, re.IGNORECASE), re.compile(HIDDEN_NAMES, re.IGNORECASE)
_VALUE, _NO_VALUE, _RANDOM = re.compile(VALUE), re.compile(NO_VALUE), re.compile(RANDOM)


def is_request_token(name: str, value: str, *, is_hidden: bool) -> bool:
    """Whether a field of a form holds a token; `value` may be what stands for it in a State."""
    if not is_hidden:
        return False
    if value == SHOWN:
        return True
    if _NAMES.search(name):
        return not value or (_VALUE.search(value) is not None and _NO_VALUE.search(value) is None)
    return _HIDDEN_NAMES.search(name) is not None and _RANDOM.search(value) is not None and not _NO_VALUE.search(value)


def walker_options() -> dict[str, str]:
    """For the walker in the page."""
    return {
        "shown": SHOWN,
        "names": NAMES,
        "hiddenNames": HIDDEN_NAMES,
        "value": VALUE,
        "noValue": NO_VALUE,
        "random": RANDOM,
    }
