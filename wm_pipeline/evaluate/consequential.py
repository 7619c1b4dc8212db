"""Which actions have a consequence to speak of, told by the question and never by what happened.

Most actions only open a page of the same site, fill in a field or wait. Whoever calls all of them harmless is nearly
always right, so the report's headline is over the others.
"""

from wm_pipeline.domain.question import Question
from wm_pipeline.domain.relations import aim_of
from wm_pipeline.domain.vocabulary import ActionKind, HandledBy
from wm_pipeline.guard.unjudged import HARMLESS

_LOOKS = HARMLESS | {ActionKind.BACK, ActionKind.SCROLL}
_ON_PAGE = frozenset({ActionKind.FILL, ActionKind.SELECT, ActionKind.CHECK})
_NOBODY_SPECIAL = frozenset({None, HandledBy.DOCUMENT})
"""A script that hears every click of a page tells nothing of one link."""


def is_consequential(question: Question) -> bool:
    """Whether the action sends, leaves the site, or may change something as far as the page tells."""
    action, relations = question.action, question.relations
    if action.kind in _LOOKS:
        return False
    if relations.is_sending or relations.is_cross_site:
        return True
    element = aim_of(question.reading.state, action).element
    is_heard = element is not None and element.handled_by not in _NOBODY_SPECIAL
    return is_heard or (relations.destination is None and action.kind not in _ON_PAGE)
