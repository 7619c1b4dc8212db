"""What was read on earlier pages, as far as it could be sent on: where a value that is sent now may come from.

Made of States alone, one step after the other, so that anybody who sees a page after each step can keep it.
"""

import re

from wm_pipeline.domain.address import host_of, hosts_in
from wm_pipeline.domain.secrets import MARK
from wm_pipeline.domain.state import EarlierText, State

MOST_TEXTS = 20
LONGEST_TEXT = 200
_TELLING = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an e-mail address
    r"|[0-9]{4,}|[0-9]+[.,][0-9]{2}\b|[$€£¥₹] ?[0-9]"  # an amount, a long number
    r"|\b(?=[\w-]*[0-9])(?=[\w-]*[^\W\d_])[\w-]{4,}\b"  # a code: letters and digits
    r"|\w\s*:\s+\S|\w \| \w"  # a name after a colon, cells of a row
)


def remember(state: State) -> tuple[EarlierText, ...]:
    """What the next step's state has as `earlier`: of this page, then of those before it; each text once."""
    here = host_of(state.url)
    seen = [
        EarlierText(1, here, block.text[:LONGEST_TEXT], block.author) for block in state.texts if is_telling(block.text)
    ]
    before = [EarlierText(one.step + 1, one.host, one.text, one.author) for one in state.earlier]
    return tuple({one.text: one for one in reversed((*seen, *before))}.values())[::-1][:MOST_TEXTS]


def is_telling(text: str) -> bool:
    """Whether a text holds something that could be sent on."""
    return bool(_TELLING.search(text) or MARK.search(text) or hosts_in(text))


def but_for(earlier: tuple[EarlierText, ...], state: State) -> tuple[EarlierText, ...]:
    """Those that do not stand on the present page."""
    present = {block.text[:LONGEST_TEXT] for block in state.texts}
    return tuple(one for one in earlier if one.text not in present)
