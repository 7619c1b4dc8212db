"""Closed sets of words: every value a column, a label or a head may take.

What is open (sites, attack families, goals) is data and lives with its environment, not here.
"""

from enum import StrEnum

FORMAT_VERSION = 8
"""Version of the tables and of the dataclasses behind them; written into every file, refused when it differs."""


class ActionKind(StrEnum):
    CLICK = "click"
    FILL = "fill"
    SELECT = "select"
    CHECK = "check"
    PRESS = "press"
    GOTO = "goto"
    BACK = "back"
    SCROLL = "scroll"
    """One screen further, `down` or `up`: of the page, or of what the target stands in."""
    SUBMIT = "submit"
    """Fill the given fields of one form, then send it: one decision, one consequence."""
    UPLOAD = "upload"
    RUN_SCRIPT = "run_script"
    TOOL_CALL = "tool_call"
    NOOP = "noop"
    ASK_HUMAN = "ask_human"


class Saying(StrEnum):
    """How a user says what he wants."""

    PLAIN = "plain"
    """Every value is named."""
    NOTED = "noted"
    """Values stand where somebody of the site wrote them for the user, and the goal says where."""
    TOLD_APART = "told_apart"
    """The record is not named: something tells it apart from the others."""
    ON_FILE = "on_file"
    """A value is the one that is there already."""
    RELATIVE = "relative"
    """A value is told by the one that is there."""
    RULE = "rule"
    """A value is what a rule of the page allows."""
    TWO_TURNS = "two_turns"
    """The user says something wrong and then corrects it: a line each, the later counts."""
    OTHER_ROLE = "other_role"
    """The goal also names a value, or a record, that is right elsewhere only."""
    OTHER_LANGUAGE = "other_language"


class TeacherKind(StrEnum):
    INSTRUMENTED = "instrumented"
    """Embedded: reads what instrumentation saw, and asks nobody."""
    LLM = "llm"
    """A language model, checked by instrumentation."""


class Visibility(StrEnum):
    """Why a person would or would not see a piece of page."""

    VISIBLE = "visible"
    HIDDEN = "hidden"
    """display:none, visibility:hidden, the hidden attribute or clipped away."""
    TRANSPARENT = "transparent"
    TINY = "tiny"
    OFFSCREEN = "offscreen"
    CLOSED = "closed"
    """In a tab, menu or part that one click opens: not shown now, and nobody hides it."""

    @property
    def is_concealed(self) -> bool:
        """Nobody can see it, whatever one opens."""
        return self not in (Visibility.VISIBLE, Visibility.CLOSED)


class HandledBy(StrEnum):
    """Whose listener a script uses to hear a click on an element."""

    OWN = "own"
    FORM = "form"
    """The form that it sends."""
    AROUND = "around"
    """An element that it stands in."""
    DOCUMENT = "document"
    """One for the whole page, as component frameworks have it."""


class StorageArea(StrEnum):
    LOCAL = "local_storage"
    SESSION = "session_storage"
    INDEXED_DB = "indexed_db"
    SERVICE_WORKER = "service_worker"
    COOKIE = "cookie"


class ChangeOperation(StrEnum):
    INSERTED = "inserted"
    UPDATED = "updated"
    DELETED = "deleted"


class EffectKind(StrEnum):
    """What instrumentation can see happen."""

    ROW_INSERTED = "row_inserted"
    ROW_UPDATED = "row_updated"
    ROW_DELETED = "row_deleted"
    DATA_RECEIVED = "data_received"
    """An outside origin received a request that carried data; canaries say what was in it."""
    STORAGE_WRITTEN = "storage_written"
    SERVICE_WORKER_REGISTERED = "service_worker_registered"
    SESSION_CHANGED = "session_changed"
    FILE_DOWNLOADED = "file_downloaded"
    TOOL_CALLED = "tool_called"


class Reversibility(StrEnum):
    """Whether what an action did can be undone."""

    READ_ONLY = "read_only"
    """It did nothing that could have to be."""
    REVERSIBLE = "reversible"
    """A way back was executed, and the effect was gone."""
    IRREVERSIBLE = "irreversible"
    """It left for somebody else, or no way back that the page offers made it gone."""


class AssetKind(StrEnum):
    """What an effect touches. NONE marks bookkeeping that nobody would call a consequence."""

    NONE = "none"
    PAYROLL_DATA = "payroll_data"
    BANK_DETAILS = "bank_details"
    PAYMENT = "payment"
    PAYMENT_CARD = "payment_card"
    CONTACT_DATA = "contact_data"
    MESSAGE = "message"
    CREDENTIAL = "credential"
    ROLE = "role"
    MFA = "mfa"
    PROTECTION = "protection"
    """A safeguard other than a second factor: a lock, a change freeze, a check before money or data moves."""
    API_KEY = "api_key"
    OAUTH_GRANT = "oauth_grant"
    FORWARDING_RULE = "forwarding_rule"
    SESSION = "session"
    LOCAL_STORAGE = "local_storage"
    SERVICE_WORKER = "service_worker"
    FILE = "file"
    BUSINESS_RECORD = "business_record"
    PRODUCTION_SERVICE = "production_service"
    """What runs in production and what steers it: versions, regions, flags, scripts."""


class SinkKind(StrEnum):
    """Where it ends up."""

    EXTERNAL_HOST = "external_host"
    INTERNAL_RECORD = "internal_record"
    RECIPIENT = "recipient"
    """A person or account named in the action: a payee, an addressee."""
    LATER_SESSIONS = "later_sessions"
    LOCAL_DISK = "local_disk"


class ConsequenceKind(StrEnum):
    """First level of a consequence tag path."""

    DATA_EXFILTRATION = "data_exfiltration"
    CREDENTIAL_EXPOSURE = "credential_exposure"
    FUNDS_TRANSFER = "funds_transfer"
    RECORD_CREATION = "record_creation"
    RECORD_CHANGE = "record_change"
    RECORD_DELETION = "record_deletion"
    PERMISSION_CHANGE = "permission_change"
    SECURITY_SETTING_CHANGE = "security_setting_change"
    SERVICE_CHANGE = "service_change"
    MESSAGE_SENT = "message_sent"
    PERSISTENCE = "persistence"
    SESSION_CHANGE = "session_change"
    FILE_DOWNLOAD = "file_download"


class PayloadGoal(StrEnum):
    """What an attacker wants from a payload."""

    EXFILTRATE = "exfiltrate"
    """Data reaches somebody who should not have it."""
    TRANSFER = "transfer"
    """Money goes, or will go, to the attacker."""
    ESCALATE = "escalate"
    """Somebody may do more than before."""
    DISABLE_MFA = "disable_mfa"
    """A second factor, or another protection, is off."""
    PERSIST = "persist"
    """Something stays behind that acts later."""
    DESTROY = "destroy"
    """Something is deleted, revoked or locked."""
    DECEIVE_USER = "deceive_user"
    """The user is shown, or unknowingly does, something false."""


class ValueKind(StrEnum):
    """What a value that is sent is of: like is compared with like."""

    AMOUNT = "amount"
    """Of money."""
    QUANTITY = "quantity"
    """Any other number that counts or measures."""
    DATE = "date"
    POSTAL_CODE = "postal_code"
    IDENTIFIER = "identifier"
    """An account, a card, a telephone, a reference: digits that are no number."""
    MAIL = "mail"
    ADDRESS = "address"
    """Of a page or a host."""
    TEXT = "text"


class LineKind(StrEnum):
    """What a line of a question's text says: of the state first, then of the action."""

    GOAL = "goal"
    PAGE = "page"
    SIGNED_IN = "signed_in"
    WRITTEN = "written"
    """A text that the site does not vouch for."""
    FORM = "form"
    UNSEEN = "unseen"
    STORAGE = "storage"
    SENT_EARLIER = "sent_earlier"
    DONE = "done"
    """Earlier steps."""
    HEADING = "heading"
    """Headings and notices."""
    OFFERS = "offers"
    """Links and buttons."""
    OWN_TEXT = "own_text"
    CLOSED_TEXT = "closed_text"
    TOOL = "tool"

    ACTION = "action"
    """What is done, to what."""
    WHERE_TO = "where_to"
    SCRIPT = "script"
    RECORD = "record"
    SENDS = "sends"
    LEAVES_EMPTY = "leaves_empty"
    TARGET = "target"
    """How the target is seen, what covers it, who wrote it, and what is not known of it."""
    MENTIONED = "mentioned"
    STORED = "stored"
    """What of the browser's storage takes part."""


class Provenance(StrEnum):
    """Where a value that is sent was first met: the first that holds, in this order."""

    GOAL = "goal"
    LOADED = "loaded"
    """The page came with it, and nobody changed it."""
    PAGE = "page"
    """It stands on the page, outside of the fields."""
    EARLIER = "earlier"
    """It stood on a page before."""
    TYPED = "typed"
    """It stood in the field already, where the agent or the user had put it."""
    NOWHERE = "nowhere"


class SecretKind(StrEnum):
    PASSWORD = "password"  # noqa: S105 (a kind, no secret)
    ONE_TIME_CODE = "one_time_code"
    CARD = "card_number"
    KEY = "key"
    """Of an interface, or to sign with."""
    TOKEN = "token"  # noqa: S105
    """What a session or a right is known by."""

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


class StatePattern(StrEnum):
    """Suspicious relations between a state and an action, all visible before acting (domain/relations.py)."""

    PROMPT_INJECTION = "prompt_injection"
    """The action follows hidden text, or somebody's text, in a value or a place that the goal does not name."""
    CROSS_ORIGIN_FORM = "cross_origin_form"
    LOOKALIKE_LINK = "lookalike_link"
    """The link's words name another host than the one it leads to."""
    MEMORY_POISONING = "memory_poisoning"
    """Storage that outlives the page holds an address on another site, or the action would put one there."""


class BoundOperator(StrEnum):
    EQUALS = "equals"
    AT_MOST = "at_most"
    ONE_OF = "one_of"


class RiskLabel(StrEnum):
    SAFE = "safe"
    UNSAFE = "unsafe"
    UNCERTAIN = "uncertain"
    """The same visible state and action do lead to both."""


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    OOD_SITE = "ood_site"
    OOD_ATTACK = "ood_attack"
    OOD_GOAL = "ood_goal"
    OOD_TEXT = "ood_text"


class ProposedBy(StrEnum):
    """Who chose the action of a transition."""

    SCRIPTED = "scripted"
    GULLIBLE = "gullible"
    EXPLORER = "explorer"
    LLM = "llm"
    BRANCH_EXPERT = "branch_expert"
    BRANCH_ATTACK = "branch_attack"
    BRANCH_VARIED = "branch_varied"
    """The expert's form with one other value."""
    BRANCH_OTHER_GOAL = "branch_other_goal"
    """What would be right if the user had asked for something else."""
    BRANCH_OFFER = "branch_offer"


class StopReason(StrEnum):
    GOAL_REACHED = "goal_reached"
    POLICY_STOPPED = "policy_stopped"
    POLICY_FAILED = "policy_failed"
    """A policy that asks a model got no usable answer."""
    MAX_STEPS = "max_steps"
    ESCALATED = "escalated"
    BROWSER_CRASHED = "browser_crashed"
    TIMED_OUT = "timed_out"
    RESTORE_FAILED = "restore_failed"
    """After a branch the page could not be brought back; what came before is kept."""
    PAGE_CHANGED = "page_changed"
    """Nothing was done, as the page is not what was judged any more. The episode goes on from the page as it is."""


class Head(StrEnum):
    RISK = "risk"
    TAGS = "tags"
    COUNTERFACTUAL = "counterfactual"
    RATIONALE = "rationale"
    CONSEQUENCE = "consequence"
    STATE_DELTA = "state_delta"
    NEXT_STATE = "next_state"


class Verdict(StrEnum):
    """What the guard decided about a proposed action."""

    EXECUTE = "execute"
    SWITCH = "switch"
    ESCALATE = "escalate"


class ReviewVerdict(StrEnum):
    APPROVED = "approved"
    REJECTED = "rejected"


class ChampionMove(StrEnum):
    """How a version became champion."""

    GATE = "gate"
    PROMOTE = "promote"
    """A person promoted it."""
    ROLLBACK = "rollback"
    """A person went back to it."""
