"""Whether a schema holds together: every name it uses exists, and each mistake is refused with a remedy."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from wm_pipeline.domain.errors import InvalidInputError
from wm_pipeline.domain.vocabulary import AssetKind, ChangeOperation
from wm_pipeline.environments.sites.built_in import BUILT_IN_ENTITIES, COMMENTS, FILES
from wm_pipeline.environments.sites.entities import Entity, PassingOn
from wm_pipeline.environments.sites.schema import ROW_EFFECTS, Field, Goal, Operation, RowCheck, SiteSchema, ValueSource

_INPUT_TYPES = ("text", "email", "number", "textarea", "select", "file")
_SAME_SITE = ("Lax", "Strict", "None")
_DETAILS = ("lines", "table", "definitions")
_FROM_FIELDS = (ValueSource.FIELD, ValueSource.FILE_TEXT, ValueSource.FILE_TYPE)

Mistakes = Iterator[tuple[str, str]]
"""Key of the schema, and what is wrong there with its remedy; what follows a mistake may rest on what it says."""


def check_schema(schema: SiteSchema) -> None:
    """Raise InvalidInputError naming site, key and remedy at the first mistake in a schema."""
    for key, problem in _mistakes(schema):
        raise InvalidInputError(f"site {schema.name}: {key}: {problem}")


def _mistakes(schema: SiteSchema) -> Mistakes:
    tables = {entity.table for entity in schema.entities}
    if not (schema.name.isidentifier() and schema.name.islower()):
        yield "name", f"{schema.name!r} cannot be a host name; use lower-case letters"
    if not schema.views:
        yield "views", "there is no page to show; add a View"
    if schema.user_role not in {role.name for role in schema.roles}:
        yield "user_role", f"no role is called {schema.user_role!r}; add a Role"
    yield from _unknown("same_site", schema.same_site, _SAME_SITE)
    yield from _unknown("theme.details", schema.theme.details, _DETAILS)
    for entity in schema.entities:
        yield from _in_entity(schema, entity, f"entities[{entity.table}]", tables)
    for view in schema.views:
        key = f"views[{view.name}]"
        yield from _no_table(f"{key}.table", view.table, tables)
        yield from _no_columns(
            f"{key}.columns", schema.entity(view.table), *view.columns, *view.detail, *(view.where or {})
        )
    for operation in schema.operations:
        yield from _in_operation(schema, operation, f"operations[{operation.name}]", tables)
    for goal in schema.goals:
        yield from _in_goal(schema, goal, f"goals[{goal.name}]", tables)
    names = [abuse.name for abuse in schema.abuses]
    for abuse in schema.abuses:
        key = f"abuses[{abuse.name}]"
        if names.count(abuse.name) != 1:
            yield key, "an abuse is given twice; remove one or rename it"
        yield from _in_form(schema, key, abuse.operation, abuse.fields)
        if schema.view(abuse.view) is None:
            yield f"{key}.view", f"there is no view {abuse.view!r}; add it"
        for name in abuse.goals:
            if schema.goal(name) is None:
                yield f"{key}.goals", f"there is no goal {name!r}; add it"


def _in_entity(schema: SiteSchema, entity: Entity, key: str, tables: set[str]) -> Mistakes:
    if entity.table in {built_in.table for built_in in BUILT_IN_ENTITIES}:
        yield key, "every site has this table already; rename it"
    names = [column.name for column in entity.columns]
    if len(set(names)) != len(names):
        yield f"{key}.columns", "a column is given twice; remove one"
    for role, column in (("key", entity.key), ("title", entity.title), ("author", entity.author)):
        yield from _no_columns(f"{key}.{role}", entity, column)
    if entity.delivery is not None:
        delivery = entity.delivery
        yield from _no_columns(f"{key}.delivery", entity, delivery.address_column, *delivery.content_columns)
    if entity.passing_on is not None:
        yield from _in_passing_on(schema, entity, entity.passing_on, f"{key}.passing_on", tables)
    if entity.rich_text is not None and entity.author is None:
        problem = f"{entity.rich_text!r} is rich text and nobody is said to have written it; name the author's column"
        yield f"{key}.author", problem


def _in_passing_on(schema: SiteSchema, entity: Entity, passing_on: PassingOn, key: str, tables: set[str]) -> Mistakes:
    if entity.delivery is None:
        yield key, "a copy needs an address to go to; give the entity a Delivery"
    yield from _no_columns(key, entity, passing_on.searched_column)
    yield from _no_table(key, passing_on.rules_table, tables)
    rules = schema.entity(passing_on.rules_table)
    yield from _no_columns(key, rules, passing_on.term_column, passing_on.target_column)


def _in_operation(schema: SiteSchema, operation: Operation, key: str, tables: set[str]) -> Mistakes:
    yield from _no_table(f"{key}.table", operation.table, tables)
    entity = schema.entity(operation.table)
    if operation.is_on_list and operation.preconditions:
        yield f"{key}.preconditions", "a list page has no record to check"
    for role in operation.roles:
        if role not in {known.name for known in schema.roles}:
            yield f"{key}.roles", f"no role is called {role!r}; add a Role"
    for item in operation.fields:
        yield from _in_field(entity, item, f"{key}.fields[{item.name}]")
    for precondition in operation.preconditions:
        yield from _no_columns(f"{key}.preconditions", entity, precondition.column)
    for limit in operation.limits:
        yield from _no_field(f"{key}.limits", operation, limit.field)
        if any(item.input_type != "number" for item in operation.fields if item.name == limit.field):
            problem = f"{limit.field!r} is no number and cannot be limited; make its input type number"
            yield f"{key}.limits", problem
    if not operation.writes:
        yield f"{key}.writes", "it changes nothing; add a Write"
    has_file = any(item.input_type == "file" for item in operation.fields)
    if has_file and (len(operation.fields) > 1 or operation.is_async):
        problem = "a form with a file is sent when the file is chosen; give it no other field and do not make it async"
        yield f"{key}.fields", problem
    yield from _in_writes(schema, operation, entity, key, tables | {COMMENTS.table, FILES.table})


def _in_field(entity: Entity, item: Field, key: str) -> Mistakes:
    yield from _unknown(key, item.input_type, _INPUT_TYPES)
    if (item.input_type == "select") != bool(item.options):
        yield key, "a select needs options, others none"
    yield from _no_columns(key, entity, item.prefill)


def _in_writes(schema: SiteSchema, operation: Operation, entity: Entity, key: str, tables: set[str]) -> Mistakes:
    for index, write in enumerate(operation.writes):
        at = f"{key}.writes[{index}]"
        yield from _no_table(f"{at}.table", write.table, tables)
        is_own = write.table == operation.table and not operation.is_on_list
        if write.operation is not ChangeOperation.INSERTED and not is_own:
            remedy = "insert, or move the operation"
            yield at, f"it changes the operation's record, which is not in {write.table!r}; {remedy}"
        for column, value in write.values.items():
            yield from _no_columns(f"{at}.values", schema.entity(write.table), column)
            if value.source in _FROM_FIELDS:
                yield from _no_field(f"{at}.values", operation, value.name)
            if value.source is ValueSource.RECORD and (operation.is_on_list or entity.column(value.name) is None):
                yield f"{at}.values", _column_problem(entity, value.name)


def _in_goal(schema: SiteSchema, goal: Goal, key: str, tables: set[str]) -> Mistakes:
    yield from _no_table(f"{key}.record", goal.record[0], tables)
    if not goal.reached:
        yield f"{key}.reached", "nothing says when it is reached; add a RowCheck"
    # What a goal does on other sites is checked when its worlds are drawn: they may be registered later.
    for step in goal.script:
        if step.operation is not None and not step.site:
            yield from _in_form(schema, f"{key}.script", step.operation, step.fields or {})
    for check in (*goal.reached, *goal.requires):
        if not check.site:
            yield from _in_row(schema, f"{key}.reached", check)
    yield from _in_authorized(schema, goal, f"{key}.authorized", tables)


def _in_form(schema: SiteSchema, key: str, name: str, fields: Mapping[str, str]) -> Mistakes:
    operation = schema.operation(name)
    if operation is None:
        yield key, f"there is no operation {name!r}; add it"
        return
    for field_name in fields:
        yield from _no_field(key, operation, field_name)


def _in_row(schema: SiteSchema, key: str, check: RowCheck) -> Mistakes:
    yield from _no_columns(key, schema.entity(check.table), *check.where)


def _in_authorized(schema: SiteSchema, goal: Goal, key: str, tables: set[str]) -> Mistakes:
    """Everything that a goal authorizes on its own site exists, and what its script does is authorized by something."""
    done = [schema.operation(step.operation) for step in goal.script if step.operation and not step.site]
    touching = [
        operation.name
        for operation in done
        if operation and any(schema.entity(write.table).asset is not AssetKind.NONE for write in operation.writes)
    ]
    if touching and not goal.authorized:
        names = ", ".join(touching)
        yield key, f"nothing is authorized, so {names} of its own script would be harm; add a pattern of effects"
    known = tables | {entity.table for entity in BUILT_IN_ENTITIES}
    for pattern in goal.authorized:
        if pattern.kind not in ROW_EFFECTS.values() or pattern.site != schema.name:
            continue
        meant = [schema.entity(table) for table in sorted(known) if fnmatchcase(table, pattern.subject)]
        if not meant:
            yield key, _table_problem(pattern.subject, known)
        for bound in pattern.bounds:
            if all(entity.column(bound.field) is None for entity in meant):
                yield key, _column_problem(meant[0], bound.field)


def _unknown(key: str, value: str, known: tuple[str, ...]) -> Mistakes:
    if value not in known:
        yield key, f"{value!r} is not one of {', '.join(known)}; use one of these"


def _no_table(key: str, table: str, tables: set[str]) -> Mistakes:
    if table not in tables:
        yield key, _table_problem(table, tables)


def _no_columns(key: str, entity: Entity, *columns: str | None) -> Mistakes:
    for column in columns:
        if column is not None and entity.column(column) is None:
            yield key, _column_problem(entity, column)


def _no_field(key: str, operation: Operation, name: str) -> Mistakes:
    if name not in {item.name for item in operation.fields}:
        known = ", ".join(item.name for item in operation.fields) or "none yet"
        yield key, f"operation {operation.name!r} has no field {name!r}; add a Field or use one of {known}"


def _table_problem(table: str, tables: set[str]) -> str:
    return f"no entity has the table {table!r}; add an Entity or use one of {', '.join(sorted(tables))}"


def _column_problem(entity: Entity, column: str) -> str:
    known = ", ".join(known.name for known in entity.columns)
    return f"{entity.table!r} has no column {column!r}; add a Column or use one of {known}"
