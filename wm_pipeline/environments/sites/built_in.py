"""Tables that every site has, whatever its schema: comments, a banner, files, sessions and what attacks need."""

from wm_pipeline.domain.vocabulary import AssetKind
from wm_pipeline.environments.sites.entities import Column, ColumnType, entity

COMMENTS = entity(
    "comments",
    AssetKind.BUSINESS_RECORD,
    Column("comment_id"),
    Column("about", column_type=ColumnType.INTERNAL, is_identity=True),
    Column("author", is_identity=True),
    Column("body", column_type=ColumnType.RICH_TEXT),
    author="author",
)
"""Every site has comments on its records; `about` is `table/key`."""

ANNOUNCEMENTS = entity(
    "announcements",
    AssetKind.BUSINESS_RECORD,
    Column("announcement_id"),
    Column("author"),
    Column("body", column_type=ColumnType.RICH_TEXT),
    author="author",
)
"""Every site has a banner that colleagues can write."""

FILES = entity(
    "files",
    AssetKind.BUSINESS_RECORD,
    Column("file_name", is_identity=True),
    Column("about", column_type=ColumnType.INTERNAL, is_identity=True),
    Column("author"),
    Column("content"),
    Column("content_type"),
    author="author",
)
"""Uploaded files, served under /files/; those about a record (`table/key`) stand on its page with their text."""

DISPLAY_NAMES = entity(
    "display_names", AssetKind.CONTACT_DATA, Column("email"), Column("display_name"), title="display_name"
)
"""The name that somebody gave themselves; it stands above their comments."""

CONDITIONS = entity(
    "conditions",
    AssetKind.NONE,
    Column("comment_id"),
    Column("shown_when", column_type=ColumnType.INTERNAL),
    title="shown_when",
)
"""Comments that are not shown always (pages.is_shown)."""

VISITS = entity("visits", AssetKind.NONE, Column("visit_id"), Column("page"), title="page")
"""Pages in the order they were asked for, noted where a comment's condition counts them."""

SESSIONS = entity(
    "sessions",
    AssetKind.NONE,
    Column("session_token", column_type=ColumnType.INTERNAL),
    Column("principal", is_identity=True),
    Column("email"),
    Column("role"),
    Column("csrf_token", column_type=ColumnType.INTERNAL),
    Column("is_alive"),
    title="principal",
)

BUILT_IN_ENTITIES = (COMMENTS, ANNOUNCEMENTS, FILES, SESSIONS, DISPLAY_NAMES, CONDITIONS, VISITS)
