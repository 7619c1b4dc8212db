"""Text that every encoding can hold: halves of characters (lone surrogates) become U+FFFD."""

from typing import Any


def well_formed(text: str) -> str:
    """The text with a replacement character for each lone surrogate."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def well_formed_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object's pairs as a dictionary, keys and texts well formed: a hook for a decoder."""
    return {well_formed(key): _well_formed_value(value) for key, value in pairs}


def _well_formed_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_well_formed_value(item) for item in value]
    return well_formed(value) if isinstance(value, str) else value
