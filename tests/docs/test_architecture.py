"""The picture of the architecture shows the code as it is."""

from dataclasses import replace

import pytest

from scripts.architecture import PICTURE, DrawnAsset, draw, read_architecture


def test_the_picture_shows_the_imports_and_assets_of_the_code() -> None:
    drawn = draw(read_architecture())

    assert PICTURE.read_text() == drawn, "the picture is older than the code; run `python -m scripts.architecture`"


def test_one_import_or_asset_more_changes_the_picture() -> None:
    now = read_architecture()

    imports = draw(replace(now, imports=now.imports | {("train", "policies")}))
    assets = draw(replace(now, assets=(*now.assets, DrawnAsset("review", ("eval_report",), "reviews: a day"))))

    assert len({draw(now), imports, assets}) == 3


def test_every_room_has_a_few_words_about_it() -> None:
    now = read_architecture()

    with pytest.raises(KeyError, match="kitchen"):
        draw(replace(now, layers=(("kitchen",), *now.layers)))
