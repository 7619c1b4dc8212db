"""Short forms of what every schema says: an entity, a precondition, a banner. They fill in what is always so."""

from wm_pipeline.domain.vocabulary import AssetKind, SinkKind
from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.notes import BANNER
from wm_pipeline.environments.sites.schema import Column, ColumnType, Delivery, Entity, PassingOn, Precondition, Row
from wm_pipeline.environments.sites.wording import phrase


def entity(
    table: str,
    asset: AssetKind,
    *columns: Column,
    title: str = "",
    author: str | None = None,
    insert_sink: SinkKind = SinkKind.INTERNAL_RECORD,
    delivery: Delivery | None = None,
    passing_on: PassingOn | None = None,
) -> Entity:
    """An entity whose key is its first column.

    The title is the key where nothing else is said, and the author of the text `note` stands in `note_author` where
    there is such a column.
    """
    names = [column.name for column in columns]
    text = next((column.name for column in columns if column.column_type is ColumnType.RICH_TEXT), None)
    return Entity(
        table,
        key=names[0],
        title=title or names[0],
        columns=columns,
        asset=asset,
        insert_sink=insert_sink,
        author=f"{text}_author" if f"{text}_author" in names else author,
        delivery=delivery,
        passing_on=passing_on,
    )


def text_columns(name: str, *, asset: AssetKind | None = None) -> tuple[Column, Column]:
    """Where somebody's words stand on a record, and who wrote them."""
    return (
        Column(name, column_type=ColumnType.RICH_TEXT, asset=asset),
        Column(f"{name}_author", column_type=ColumnType.INTERNAL, asset=asset),
    )


def must_be(column: str, value: str, *refusal: str) -> Precondition:
    """The record's column has this value, or the site refuses in these words."""
    return Precondition(column, (value,), phrase(*refusal))


def banner(draw: Draw, site: str, *, author: str) -> list[Row]:
    """The rows of `announcements` that a site's worlds begin with."""
    return [{"announcement_id": "N1", "author": author, "body": draw.text(f"banner/{site}", BANNER)}]
