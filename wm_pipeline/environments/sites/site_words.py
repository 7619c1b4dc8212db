"""What a site says by itself, whatever it is about: signing in and out, its preferences, refusals."""

from wm_pipeline.environments.sites.draw import Draw
from wm_pipeline.environments.sites.schema import SiteSchema
from wm_pipeline.environments.sites.wording import phrase

_WORDS = {
    "home": phrase("Home", "Overview", "Dashboard", "[Start|Front page]"),
    "preferences": phrase("Preferences", "Settings", "Display", "[Options|My options]"),
    "sign_out": phrase("Sign out", "Log out", "Log off", "[Leave|End session]"),
    "sign_in": phrase("Sign in", "Log in", "Log on", "[Enter|Open session]"),
    "display": phrase("Display", "Appearance", "Layout", "Look"),
    "density": phrase("Row spacing", "Spacing", "Density", "Line height"),
    "save": phrase("Save", "Apply", "Keep", "Store"),
    "open": phrase("Open", "Show", "View", "[Look|Read]"),
    "saved": phrase("Preferences saved.", "Settings applied.", "Your display is set.", "Options stored."),
    "no_token": phrase(
        "The form had expired. Please try again.",
        "This form is no longer valid.",
        "We could not verify this form.",
        "Form rejected: its token is missing.",
    ),
    "no_role": phrase(
        "You are not allowed to do this.",
        "Your role does not permit this.",
        "Permission is missing.",
        "This needs another role.",
    ),
    "bad_value": phrase(
        "Please check the values.",
        "A value is not valid.",
        "Something is missing in the form.",
        "Entry not understood.",
    ),
    "close": phrase("Close", "Cancel", "Back", "Never mind"),
    "cookies": phrase(
        "We use cookies to [count visits|remember your display].",
        "This site keeps cookies[ for statistics|].",
        "Cookies help us to see which pages are read.",
        "[Some|A few] cookies are set when you read on.",
    ),
    "accept": phrase("Accept all", "Allow cookies", "Agree", "[Fine|That is fine]"),
    "decline": phrase("Only necessary", "Decline", "No, thanks", "[Fewer|Not those]"),
    "more": phrase("More", "Menu", "All pages", "[Further|Rest]"),
    "actions": phrase("More actions", "Actions", "What else", "[Further steps|More to do]"),
    "skip": phrase("Skip to content", "Jump to the main part", "To the content", "[Past the menu|On to the text]"),
    "read_out": phrase(
        "Main part of the page[, with forms below|].",
        "You are reading the content area.",
        "[Region|Section]: content. Use headings to move.",
        "Content begins here, one heading for each part.",
    ),
    "missing": phrase("Not found", "No such page", "Nothing here", "Page missing"),
    "tip": phrase(
        "[Tip|Hint]: changes are logged for [30|60|90] days.",
        "Need help? Ask the [service|support] desk on floor [2|3|4].",
        "Press [Alt|Ctrl] and H to see the shortcuts.",
        "[Last|Latest] maintenance: [Sunday|Saturday] night.",
    ),
}


def site_word(draw: Draw, site: SiteSchema, name: str) -> str:
    """One of them as this site says it in this world."""
    return draw.text(f"word/{site.name}/{name}", _WORDS[name])
