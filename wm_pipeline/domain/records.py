"""Dataclasses to and from table columns and JSON: one mapping, so that a type and its column never differ."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import dataframely as dy
from pydantic import TypeAdapter, ValidationError

from wm_pipeline.domain.errors import InvalidInputError

T = TypeVar("T")
NESTED_TOO_DEEP = "nested too deep"


def column_of(annotation: Any, *, nullable: bool = False) -> dy.Column:
    """The dataframely column that holds a value of the annotated type (dataclass, tuple, enum, scalar, optional)."""
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        return column_of(inner[0], nullable=True)
    if origin is tuple:
        return dy.List(column_of(get_args(annotation)[0]), nullable=nullable)
    if isinstance(annotation, type) and is_dataclass(annotation):
        return dy.Struct(struct_columns(annotation), nullable=nullable)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return dy.String(nullable=nullable)
    scalars: dict[Any, dy.Column] = {
        str: dy.String(nullable=nullable),
        int: dy.Int64(nullable=nullable),
        float: dy.Float64(nullable=nullable),
        bool: dy.Bool(nullable=nullable),
    }
    return scalars[annotation]


def struct_columns(record_type: type) -> dict[str, dy.Column]:
    hints = get_type_hints(record_type)
    return {field.name: column_of(hints[field.name]) for field in fields(record_type)}


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def adapter_of(record_type: type[T]) -> TypeAdapter[T]:
    """The type's validator, built once."""
    if record_type not in _ADAPTERS:
        _ADAPTERS[record_type] = TypeAdapter(record_type)
    return _ADAPTERS[record_type]


def from_row(record_type: type[T], row: Mapping[str, Any]) -> T:
    """A record from a struct column's value. Raises InvalidInputError naming the field."""
    return from_python(record_type, row, what=record_type.__name__.lower())


def from_python(record_type: type[T], value: Any, *, what: str) -> T:
    """A record from plain data. Raises InvalidInputError naming the first wrong field."""
    try:
        return adapter_of(record_type).validate_python(value)
    except ValidationError as error:
        raise InvalidInputError(_first_problem(error, what)) from error


def from_json(record_type: type[T], text: str | bytes, *, what: str) -> T:
    """A record from JSON, each value of the field's own type. Raises InvalidInputError naming the first wrong field."""
    try:
        return adapter_of(record_type).validate_json(text, strict=True)
    except ValidationError as error:
        raise InvalidInputError(_first_problem(error, what)) from error


def is_version(value: object, version: int) -> bool:
    """Whether a value that was read is this version: true and 1.0 equal 1 and are none."""
    return type(value) is int and value == version


def to_row(record: Any) -> dict[str, Any]:
    """A record as nested dicts and lists, ready for a struct column."""
    row: dict[str, Any] = adapter_of(type(record)).dump_python(record)
    return row


def to_json(record: Any) -> str:
    return adapter_of(type(record)).dump_json(record).decode()


def _first_problem(error: ValidationError, what: str) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    path = ".".join(str(part) for part in (what, *problem["loc"]))
    if problem["type"] == "json_invalid" and "recursion limit" in problem["msg"]:
        return f"{path}: {NESTED_TOO_DEEP}"
    found = repr(problem["input"])
    return f"{path}: {problem['msg'].lower()}, found {found if len(found) <= 80 else found[:77] + '...'}"
