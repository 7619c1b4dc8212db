"""A language model of transformers in this process that answers a conversation: ports.ChatModel without an endpoint."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from wm_pipeline.domain.chat import ChatAnswer, LlmSettings, Message, Speaker, object_in
from wm_pipeline.domain.errors import AnswerError, BudgetError, SettingsError


class LocalChatModel:
    """Any causal model that a folder holds; one without a chat template is shown `speaker: text` lines."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._tokens = 0
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._tokenizer, self._model = _loaded(settings.model)
        self._model.to(self._device).eval()

    @property
    def name(self) -> str:
        return self._settings.model

    def answer(self, messages: Sequence[Message], *, schema: Mapping[str, Any]) -> ChatAnswer:
        """See ports.ChatModel."""
        settings = self._settings
        if self._tokens >= settings.max_tokens:
            raise BudgetError(
                f"{self._tokens} of {settings.max_tokens} tokens are spent; raise llm.max_tokens to go on"
            )
        asked = self._tokenizer(self._written(messages), return_tensors="pt", add_special_tokens=False)["input_ids"]
        room = self._model.config.max_position_embeddings - settings.max_answer_tokens
        if asked.shape[1] > room:
            raise AnswerError(f"the conversation has {asked.shape[1]} tokens, and {settings.model} has room for {room}")
        with torch.inference_mode():
            said = self._model.generate(
                asked.to(self._device),
                attention_mask=torch.ones_like(asked, device=self._device),
                max_new_tokens=settings.max_answer_tokens,
                do_sample=settings.temperature > 0,
                temperature=settings.temperature or None,
                pad_token_id=self._tokenizer.eos_token_id,
            )[0, asked.shape[1] :]
        self._tokens += asked.shape[1] + len(said)
        text = self._tokenizer.decode(said, skip_special_tokens=True)
        return ChatAnswer(object_in(text, schema), text, asked.shape[1], len(said))

    def _written(self, messages: Sequence[Message]) -> str:
        if self._tokenizer.chat_template is None:
            return "".join(f"{one.speaker.value}: {one.text}\n" for one in messages) + f"{Speaker.ASSISTANT.value}: "
        turns = [{"role": one.speaker.value, "content": one.text} for one in messages]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _loaded(folder: str) -> tuple[Any, Any]:
    """Tokenizer and model: what the Auto classes make has no type of its own."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return tokenizer, AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype="auto")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"no model can be loaded from {folder!r}; WM_LLM_MODEL has to be a folder with a causal "
            "language model of transformers and its tokenizer"
        ) from error
