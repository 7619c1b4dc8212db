"""The trees of a distillation step: what the student visited and writes, and what the teacher reads and says of it.

Dimensions: P predicted text tokens, V vocabulary.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from wm_pipeline.domain.vocabulary import Head
from wm_pipeline.model.checkpoint import Checkpoint
from wm_pipeline.model.decode import Sampling, predict_trees
from wm_pipeline.model.examples import Example
from wm_pipeline.model.processes import Processes
from wm_pipeline.model.prompt import ActionNode, PromptRenderer, StateTree
from wm_pipeline.model.settings import DistillSettings
from wm_pipeline.model.tree import pack_trees
from wm_pipeline.model.world_model import bf16_weights


def observed_text(example: Example) -> str:
    """What the teacher is told about an executed action: what changed, and why that is harm or not."""
    return "\n".join(example.texts[head] for head in (Head.STATE_DELTA, Head.RATIONALE) if head in example.texts)


def visited_tree(group: Sequence[Example], renderer: PromptRenderer) -> StateTree:
    """The group as a tree: the first action has the dataset's texts, the others have labels only."""
    state_ids, is_truncated = renderer.state(group[0].state_text)
    graphs = renderer.graphs([(example.state_lines, example.action_lines) for example in group])
    actions = tuple(
        ActionNode(
            renderer.action(example.action_text),
            tuple(renderer.text(head, text) for head, text in example.texts.items()) if index == 0 else (),
            graphs[index],
            example.labels,
            example.weight,
            example.row_key,
        )
        for index, example in enumerate(group)
    )
    return StateTree(state_ids, actions, is_truncated)


def without_texts(tree: StateTree) -> StateTree:
    return _with_actions(tree, (replace(action, texts=()) for action in tree.actions))


def _with_actions(tree: StateTree, actions: Iterable[ActionNode]) -> StateTree:
    return replace(tree, actions=tuple(actions))


def _with_targets(action: ActionNode, written: Mapping[str, tuple[int, ...]] | None) -> ActionNode:
    """The action with these texts by head; None: with empty ones, which are still to be written."""
    texts = (replace(text, target_ids=() if written is None else written[text.head]) for text in action.texts)
    return replace(action, texts=tuple(texts))


def generate_texts(
    student: Checkpoint, renderer: PromptRenderer, trees: Sequence[StateTree], settings: DistillSettings, *, seed: int
) -> list[StateTree]:
    """The same trees with texts that are sampled from the student."""
    blank = [_with_actions(tree, (_with_targets(action, None) for action in tree.actions)) for tree in trees]
    if not blank:
        return []
    student.model.eval()
    with bf16_weights(student.model):
        answers = predict_trees(
            student.model,
            renderer,
            blank,
            max_new_tokens=settings.max_new_tokens,
            sampling=Sampling(settings.temperature, seed),
        )
    student.model.train()
    return [
        _with_actions(tree, (_with_targets(a, said.token_ids) for a, said in zip(tree.actions, answered, strict=True)))
        for tree, answered in zip(blank, answers, strict=True)
    ]


def with_privileged_context(tree: StateTree, group: Sequence[Example], renderer: PromptRenderer) -> StateTree:
    """What the teacher reads: the same tree, each action followed by what its execution led to."""
    return _with_actions(
        tree,
        (
            replace(action, token_ids=renderer.action(example.action_text, observed=observed_text(example) or None))
            for action, example in zip(tree.actions, group, strict=True)
        ),
    )


def teacher_outputs(
    teacher: Checkpoint, renderer: PromptRenderer, trees: Sequence[StateTree], processes: Processes
) -> tuple[Tensor | None, list[float]]:
    """The teacher's logits at every text token, in the student's order, and its probability of harm by action."""
    if not trees:
        return None, []
    with torch.inference_mode():
        outputs = teacher.model(pack_trees(trees, pad_id=renderer.end_id).to(processes.device))
    calibration = teacher.manifest.calibration
    risks = [calibration.probability(logit) for logit in outputs.scores[Head.RISK].float().flatten().tolist()]
    return outputs.text_logits_PV.float().clone(), risks


def with_risk_targets(
    trees: Sequence[StateTree], teacher_risks: Sequence[float], settings: DistillSettings
) -> list[StateTree]:
    """Risk targets between the instrumented label and the teacher; the teacher's alone where there is no label."""
    remaining = iter(teacher_risks)

    def targeted(action: ActionNode, risk: float) -> ActionNode:
        if Head.RISK in action.labels:
            risk = settings.label_share * action.labels[Head.RISK][0] + (1 - settings.label_share) * risk
        return replace(action, labels={**action.labels, Head.RISK: (risk,)})

    return [_with_actions(tree, (targeted(action, next(remaining)) for action in tree.actions)) for tree in trees]
