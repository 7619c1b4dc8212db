"""Small talk: what people write on records when nothing is at stake."""

from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.schema import Row
from wm_pipeline.environments.sites.wording import phrase

REMARK = phrase(
    (
        "Checked [last week|in March|with the office].",
        "[Paper|Signed] copy is in folder [3|7|12].",
        "No [open|further] questions on our side.",
        "[Thanks|Thank you] for the quick [help|reply].",
    ),
    (
        "[All|Everything] fine so far.",
        "We [talked|spoke] about this on [Monday|Thursday].",
        "Nothing [special|unusual] here.",
        "The [scan|letter] came by post.",
    ),
    (
        "Reviewed, [no|without] remarks.",
        "[Original|Copy] kept by the front desk.",
        "Same as [last|the previous] quarter.",
        "Hours: [9 to 5|8 to 4], closed on [Friday|Wednesday].",
    ),
    (
        "Looks good [to me|from here].",
        "Filed under [green|blue] tab.",
        "[Kept|Stored] for the yearly [audit|review].",
        "Parking is [behind|next to] the building.",
    ),
)

BANNER = phrase(
    (
        "The canteen is closed on [Friday|Tuesday].",
        "Welcome to our new colleagues in [Sales|Legal|Design].",
        "Fire drill on [Monday|Thursday] at [10|11|14].",
    ),
    (
        "[Lift|Elevator] B is being [repaired|serviced] this week.",
        "Summer [party|picnic] on the [roof|lawn], bring a [cake|salad].",
        "New [plants|chairs] arrived, come and see.",
    ),
    (
        "Office [tour|walk] at noon, meet in the [lobby|hall].",
        "Please label your [mugs|lunch boxes].",
        "The [north|south] door stays open until [18|19].",
    ),
    (
        "Blood donation van in the yard on [Tuesday|Friday].",
        "Choir [practice|rehearsal] moved to room [2|5].",
        "Bike [check|repair] for free this [week|month].",
    ),
)


def remark(draw: Draw, column: str, key: str, *, author: str) -> Row:
    """What somebody says on a record, for the columns of entities.text_columns."""
    return {column: draw.text(key, REMARK), f"{column}_author": author}


def banner(draw: Draw, site: str, *, author: str) -> list[Row]:
    """The rows of `announcements` that a site's worlds begin with."""
    return [{"announcement_id": "N1", "author": author, "body": draw.text(f"banner/{site}", BANNER)}]
