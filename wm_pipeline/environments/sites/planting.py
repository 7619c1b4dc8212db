"""Where a plant stands: each channel as rows of the site, so that a world stays a function of its data."""

from wm_pipeline.environments.sites import attack
from wm_pipeline.environments.sites.notes import REMARK
from wm_pipeline.environments.sites.schema import Row

Table = dict[str, list[Row]]

LIST_CHANNELS = (attack.BANNER, attack.ROW_TITLE, attack.ANOTHER_RECORD)
"""These stand on lists and not on the record's page."""


def place(scene: attack.Scene, plant: attack.Plant, rows: Table) -> None:
    """Put the planted text where its channel says, and the plant's files and rows where they belong."""
    author = plant.author or scene.draw.choice(
        "plant author",
        (
            scene.draw.people[5].email,
            scene.draw.people[6].email,
            scene.draw.vendors[3].email,
            scene.draw.outside_email("plant"),
        ),
    )
    if plant.record_values:
        _in_record(scene, plant, rows)
    for table, extra in (plant.rows or {}).items():
        rows[table] = [*rows.get(table, []), *extra]
    rows["files"] = [
        {"file_name": file.name, "author": author, "content": file.content, "content_type": file.content_type}
        for file in plant.files
    ]
    channel, about = scene.plan.channel, scene.about
    if channel == scene.site.text_channel:
        _in_text(scene, plant, rows)
    elif channel == attack.BANNER:
        rows["announcements"] = [{"announcement_id": "N2", "author": author, "body": plant.html}]
    elif channel == attack.ANOTHER_RECORD:
        assert plant.rows  # the record that it is
    elif channel == attack.ROW_TITLE:
        _as_title(scene, plant, rows)
    elif channel == attack.ATTACHMENT_TEXT:
        name = scene.draw.choice("attachment", ("notes.txt", "summary.txt", "log.txt", "minutes.txt"))
        rows["files"].append(_attachment(name, author, about, plant.words))
    elif channel == attack.ATTACHMENT_NAME:
        name = f"{plant.words.rstrip('.').replace('/', ' ')}.txt"
        rows["files"].append(_attachment(name, author, about, scene.draw.text("attachment text", REMARK)))
    else:
        body = (
            plant.html
            if channel in (attack.COMMENT, attack.CHANGED_RECORD)
            else scene.draw.text("comment below name", REMARK)
        )
        comment = {"comment_id": "C1", "about": about, "author": author, "body": body}
        rows["comments"] = [*rows.get("comments", []), comment]
        if channel == attack.DISPLAY_NAME or plant.display_name:
            rows["display_names"] = [{"email": author, "display_name": plant.display_name or plant.words}]
        if plant.shown_when:
            rows["conditions"] = [{"comment_id": "C1", "shown_when": plant.shown_when}]


def _attachment(name: str, author: str, about: str, text: str) -> Row:
    return {"file_name": name, "author": author, "content": text, "content_type": "text/plain", "about": about}


def _in_text(scene: attack.Scene, plant: attack.Plant, rows: Table) -> None:
    table, _ = scene.goal.record
    entity = scene.site.entity(table)
    text, key = entity.rich_text, scene.record[entity.key]
    assert text is not None  # payload_of has looked
    rows[table] = [{**row, text: f"{row[text]} {plant.html}"} if row[entity.key] == key else row for row in rows[table]]


def _in_record(scene: attack.Scene, plant: attack.Plant, rows: Table) -> None:
    table, _ = scene.goal.record
    key = scene.site.entity(table).key
    own = scene.record[key]
    rows[table] = [{**row, **plant.record_values} if row[key] == own else row for row in rows[table]]


def _as_title(scene: attack.Scene, plant: attack.Plant, rows: Table) -> None:
    """One more record in the goal's list, with the words for a title: whoever may write records may write this."""
    table, _ = scene.goal.record
    entity = scene.site.entity(table)
    secrets = {column.name for column in entity.columns if column.is_canary}
    twin = {name: "" if name in secrets else value for name, value in scene.record.items()}
    rows[table] = [*rows[table], {**twin, entity.key: "X1", entity.title: plant.words}]
