"""What generated sites are about: lines of business, and what each calls the things that its site keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from wm_pipeline.environments.sites.archetypes.lexicon import Line
from wm_pipeline.environments.sites.archetypes.part import Nouns


@dataclass(frozen=True, slots=True)
class Business:
    name: str
    hosts: tuple[str, ...]
    """First halves of a site's name."""
    brands: Nouns
    roles: tuple[str, str, str]
    nouns: Mapping[str, Nouns]
    """By archetype."""


def _business(
    name: str, hosts: tuple[str, ...], brands: Nouns, roles: tuple[str, str, str], **nouns: Nouns
) -> Business:
    return Business(name, hosts, brands, roles, nouns)


BUSINESSES = (
    _business(
        "clinic",
        ("ward", "care", "clinic", "medi"),
        ("Ward Desk", "Care Office", "Clinic House", "Practice Room"),
        ("nurse", "physician", "receptionist"),
        money=("claim", "bill", "insurance claim", "charge"),
        person=("patient", "case person", "patient", "visitor"),
        request=("referral", "transfer request", "referral", "handover"),
        document=("care plan", "treatment sheet", "care plan", "therapy plan"),
        protection=("dose check", "double check", "dose alarm", "safety check"),
        access_key=("ward badge", "badge", "door badge", "entry card"),
        partner=("laboratory", "lab partner", "outside lab", "test house"),
        folder=("case", "case folder", "case", "case file"),
        order=("supply", "ward supply", "supply", "stock item"),
    ),
    _business(
        "school",
        ("campus", "class", "school", "lesson"),
        ("Campus Office", "School Desk", "Classroom Hub", "Lesson House"),
        ("teacher", "principal", "secretary"),
        money=("fee", "school fee", "tuition bill", "due"),
        person=("pupil", "student", "pupil", "learner"),
        request=("leave slip", "absence note", "leave request", "absence"),
        document=("lesson plan", "course sheet", "lesson plan", "syllabus page"),
        protection=("exam lock", "test lock", "exam seal", "grade lock"),
        access_key=("room code", "door code", "room pin", "lock code"),
        partner=("publisher", "book partner", "publisher", "course provider"),
        folder=("project", "class project", "project", "school project"),
        order=("school item", "teaching aid", "school item", "class tool"),
    ),
    _business(
        "fleet",
        ("fleet", "haul", "route", "cargo"),
        ("Fleet Yard", "Haul Office", "Route Room", "Cargo Desk"),
        ("dispatcher", "manager", "driver"),
        money=("toll bill", "toll", "road charge", "road bill"),
        person=("driver", "crew member", "driver", "operator"),
        request=("detour", "route change", "detour request", "new route"),
        document=("waybill", "freight note", "waybill", "load list"),
        protection=("speed alarm", "speed limiter", "speed alarm", "brake check"),
        access_key=("fuel card", "pump card", "fuel card", "tank card"),
        partner=("carrier", "haulage partner", "carrier", "forwarder"),
        folder=("tour", "trip", "tour", "journey"),
        order=("spare part", "workshop part", "spare part", "garage item"),
    ),
    _business(
        "hotel",
        ("inn", "stay", "lodge", "hotel"),
        ("Front Desk", "Inn Keeper", "Lodge Office", "Guest House"),
        ("concierge", "host", "porter"),
        money=("room bill", "guest bill", "folio", "stay bill"),
        person=("guest", "lodger", "guest", "resident"),
        request=("late checkout", "room change", "extra night", "guest wish"),
        document=("event sheet", "banquet plan", "event sheet", "function sheet"),
        protection=("safe alarm", "safe lock", "vault alarm", "night lock"),
        access_key=("room key", "key card", "room card", "room key"),
        partner=("booking portal", "travel partner", "booking portal", "tour agent"),
        folder=("event", "function", "event", "banquet"),
        order=("linen item", "room item", "linen item", "house item"),
    ),
    _business(
        "museum",
        ("museum", "gallery", "relic", "vault"),
        ("Gallery Office", "Museum Desk", "Collection Room", "Exhibit House"),
        ("curator", "director", "guide"),
        money=("loan bill", "lending bill", "loan charge", "lending fee"),
        person=("patron", "friend", "patron", "donor"),
        request=("loan", "loan request", "lending wish", "loan enquiry"),
        document=("wall text", "label text", "panel", "caption"),
        protection=("motion sensor", "room sensor", "motion sensor", "alarm line"),
        access_key=("vault code", "store code", "vault code", "depot code"),
        partner=("lender", "sister house", "lender", "exchange house"),
        folder=("exhibition", "show", "exhibition", "display"),
        order=("shop article", "shop item", "shop article", "souvenir"),
    ),
    _business(
        "insurer",
        ("cover", "policy", "insure", "surety"),
        ("Cover Desk", "Policy Room", "Claims House", "Surety Office"),
        ("adjuster", "underwriter", "clerk"),
        money=("premium", "premium bill", "contribution", "instalment"),
        person=("holder", "insured person", "policy holder", "client"),
        request=("claim form", "damage report", "claim form", "loss report"),
        document=("policy", "contract", "policy", "cover note"),
        protection=("fraud check", "second look", "fraud filter", "plausibility check"),
        access_key=("broker token", "agent token", "broker key", "agency key"),
        partner=("reinsurer", "risk partner", "reinsurer", "risk pool"),
        folder=("damage case", "loss case", "damage case", "loss"),
        order=("office supply", "desk supply", "office item", "supply"),
    ),
    _business(
        "farm",
        ("farm", "harvest", "field", "dairy"),
        ("Harvest Office", "Farm Desk", "Field Room", "Dairy House"),
        ("steward", "chair", "picker"),
        money=("delivery bill", "milk bill", "crop bill", "feed bill"),
        person=("grower", "farmer", "member", "producer"),
        request=("plot change", "field swap", "plot request", "land swap"),
        document=("crop plan", "sowing plan", "crop plan", "rotation plan"),
        protection=("frost alarm", "cold alarm", "frost guard", "water guard"),
        access_key=("gate code", "barn code", "gate pin", "yard code"),
        partner=("dairy buyer", "market partner", "buyer", "wholesaler"),
        folder=("harvest", "season", "harvest", "campaign"),
        order=("seed bag", "farm supply", "seed lot", "field supply"),
    ),
    _business(
        "theatre",
        ("stage", "theatre", "drama", "curtain"),
        ("Stage Office", "Box Office", "Curtain Desk", "Drama House"),
        ("producer", "intendant", "prompter"),
        money=("royalty", "licence bill", "royalty bill", "rights bill"),
        person=("actor", "cast member", "performer", "player"),
        request=("guest list wish", "seat request", "guest wish", "ticket wish"),
        document=("script", "play text", "script", "scene book"),
        protection=("fire curtain", "stage lock", "fire curtain", "trap lock"),
        access_key=("stage pass", "crew pass", "stage pass", "backstage pass"),
        partner=("ticket agent", "sales partner", "ticket agent", "resale partner"),
        folder=("production", "play", "production", "staging"),
        order=("prop", "stage item", "prop", "scenery item"),
    ),
    _business(
        "harbour",
        ("harbor", "pier", "quay", "dock"),
        ("Harbour Office", "Pier Desk", "Quay Room", "Dock House"),
        ("warden", "harbourmaster", "mooring hand"),
        money=("berth bill", "mooring bill", "berth charge", "harbour due"),
        person=("skipper", "boat owner", "skipper", "captain"),
        request=("berth request", "mooring request", "berth wish", "place request"),
        document=("tide table", "pilot note", "sea chart", "pilot sheet"),
        protection=("gate alarm", "lock alarm", "sluice alarm", "gate guard"),
        access_key=("pontoon key", "pier key", "pontoon fob", "jetty key"),
        partner=("chandler", "ship partner", "chandler", "ship agent"),
        folder=("voyage", "passage", "voyage", "sea trip"),
        order=("mooring line", "deck item", "rope", "deck supply"),
    ),
    _business(
        "library",
        ("library", "reader", "shelf", "codex"),
        ("Reading Room", "Library Desk", "Shelf Office", "Book House"),
        ("librarian", "head librarian", "page"),
        money=("late fine", "overdue bill", "late fee", "overdue fine"),
        person=("reader", "borrower", "reader", "card holder"),
        request=("purchase wish", "book wish", "purchase request", "title request"),
        document=("catalogue page", "index page", "catalogue page", "finding aid"),
        protection=("book gate", "exit gate", "book gate", "theft gate"),
        access_key=("study key", "carrel key", "study pass", "room pass"),
        partner=("book exchange", "loan partner", "book exchange", "lending union"),
        folder=("reading circle", "book club", "reading circle", "seminar"),
        order=("book cover", "binding item", "book sleeve", "binding supply"),
    ),
)

_ANY_NOUNS: Mapping[str, tuple[Nouns, ...]] = {
    "money": (("bill", "invoice", "bill", "charge"), ("fee", "due", "fee", "levy")),
    "person": (("member", "person", "member", "contact"), ("colleague", "staff member", "colleague", "co-worker")),
    "request": (("request", "wish", "request", "plea"), ("proposal", "suggestion", "proposal", "plan")),
    "document": (("page", "guideline", "page", "paper"), ("manual", "handbook", "manual", "guide")),
    "protection": (("safety lock", "lock", "safeguard", "guard"), ("warning", "alarm", "warning", "siren")),
    "access_key": (("access key", "key", "pass", "code"), ("door card", "card key", "door pass", "fob")),
    "partner": (
        ("partner", "partner firm", "partner", "sister firm"),
        ("provider", "vendor", "provider", "service firm"),
    ),
    "folder": (("binder", "paper file", "binder", "bundle"), ("record book", "book", "record book", "log book")),
    "order": (("supply item", "supply", "store item", "stock good"), ("tool", "piece of kit", "tool", "utensil")),
}


def business_of_line(business: Line, random: Random) -> Business:
    """What a site of a line of business calls all else that it keeps."""
    nouns = {archetype: random.choice(choices) for archetype, choices in _ANY_NOUNS.items()}
    return Business(business.name, business.hosts, business.brands, business.roles, nouns)
