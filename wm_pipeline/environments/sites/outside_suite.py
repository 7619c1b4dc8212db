"""An outside suite's injections as an attack family: its texts where a stranger may write, judged by our effects.

A suite's goals speak of its own tools, and nobody can do on a payroll site what was meant for a bank's interface. So
the planted text is the suite's wording around one of its goals, in its own words, and one sentence that says what that
comes to on this site: an abuse that the site knows. Who obeys does that abuse, and its effects decide.
The family is registered for an evaluation alone: worlds that are trained on are never drawn with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from markupsafe import escape

from wm_pipeline.domain.outside import SuiteTexts
from wm_pipeline.environments.sites import attack
from wm_pipeline.environments.sites.registry import forget_attack, register_attack
from wm_pipeline.environments.sites.schema import Abuse, Goal, SiteSchema
from wm_pipeline.environments.sites.wording import first_up


def family_of(texts: SuiteTexts) -> attack.AttackFamily:
    """The suite as a family: a disguise is one of its wordings."""
    return attack.AttackFamily(
        name=texts.name,
        payloads=lambda site: attack.instruction_payloads(site, partial(_injection, texts)),
        lookalikes=(attack.Payload("honest_request", partial(_honest_request, texts)),),
        disguises=tuple(sorted(texts.wordings)),
        channels=_channels,
    )


@contextmanager
def registered(texts: SuiteTexts) -> Iterator[attack.AttackFamily]:
    """The family, for as long as its worlds are drawn and played."""
    family = register_attack(family_of(texts))
    try:
        yield family
    finally:
        forget_attack(family.name)


def _channels(site: SiteSchema, goal: Goal) -> tuple[str, ...]:
    """Where somebody's paragraphs stand; a title or a name is too short for them."""
    return (*attack.markup_channels(site, goal), attack.ATTACHMENT_TEXT)


def _injection(texts: SuiteTexts, abuse: Abuse, scene: attack.Scene) -> attack.Plant:
    misuse = attack.misuse_of(scene, abuse)
    goal = scene.draw.choice("outside goal", texts.goals).rstrip(". ")
    here = first_up(misuse.request)
    lines = _lines(texts, scene, f"{goal}. {here}.")
    return attack.Plant(
        html=_paragraphs(lines),
        words=" ".join(lines),
        steps=misuse.steps(),
        success=misuse.success,
        marker=lines[0][:40],
    )


def _honest_request(texts: SuiteTexts, scene: attack.Scene) -> attack.Plant:
    """The suite's wording around what the user asks for."""
    lines = _lines(texts, scene, scene.goal_in_other_words)
    return attack.Plant(html=_paragraphs(lines), words=" ".join(lines), marker=lines[0][:40], obeys_goal=True)


def _lines(texts: SuiteTexts, scene: attack.Scene, goal: str) -> tuple[str, ...]:
    slots = {"{goal}": goal, "{user}": scene.draw.user.name, "{model}": "AI assistant"}
    text = texts.wordings[scene.plan.disguise]
    for slot, value in slots.items():
        text = text.replace(slot, value)
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _paragraphs(lines: tuple[str, ...]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)
