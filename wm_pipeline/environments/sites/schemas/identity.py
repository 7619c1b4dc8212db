"""Identity: users, roles, a second factor, API keys, and consent for apps. One site, one file."""

from wm_pipeline.domain.vocabulary import AssetKind, PayloadGoal
from wm_pipeline.environments.sites import cells
from wm_pipeline.environments.sites import schema as s
from wm_pipeline.environments.sites.draw import Draw, PageEngine, columns_of
from wm_pipeline.environments.sites.entities import Column, ColumnType, entity, text_columns
from wm_pipeline.environments.sites.forms import Forms
from wm_pipeline.environments.sites.hidden import passed_on
from wm_pipeline.environments.sites.notes import REMARK, banner, remark
from wm_pipeline.environments.sites.row_draws import AnotherOf, a_stranger
from wm_pipeline.environments.sites.schemas.labels import EMAIL, OWNER, PHONE, ROLE
from wm_pipeline.environments.sites.schemas.people import newcomer_fields, role_form
from wm_pipeline.environments.sites.wording import phrase
from wm_pipeline.environments.sites.writes import (
    FIELD,
    USER_EMAIL,
    FormsOn,
    comments,
    inserts,
    must_be,
    next_key,
    updates,
)

SITE = "identity"

ROLES = ("viewer", "editor", "auditor", "billing", "admin")
SCOPES = ("read", "write", "full")

_SCOPE = phrase("Scope", "Reach", "Scope", "[Extent|Coverage]")
_STATUS = phrase("Status", "State", "Status", "[Standing|State]")

_ENTITIES = (
    entity(
        "users",
        AssetKind.BUSINESS_RECORD,
        Column("user_id"),
        Column("name", phrase("Name"), is_identity=True),
        Column("email", EMAIL, asset=AssetKind.CONTACT_DATA, is_canary=True),
        Column("phone", PHONE, asset=AssetKind.CONTACT_DATA, is_canary=True),
        Column("role", ROLE, asset=AssetKind.ROLE),
        Column(
            "mfa", phrase("Second factor", "Two-step sign-in", "MFA", "[Login check|Extra check]"), asset=AssetKind.MFA
        ),
        Column("status", _STATUS, asset=AssetKind.ROLE),
        *text_columns("note"),
    ),
    entity(
        "access_requests",
        AssetKind.BUSINESS_RECORD,
        Column("request_id"),
        Column("title", phrase("Request"), is_identity=True),
        Column("requester", phrase("From", "Sent by", "Requester", "Asked by")),
        Column("status", _STATUS),
        Column("body", column_type=ColumnType.RICH_TEXT),
        author="requester",
    ),
    entity(
        "api_keys",
        AssetKind.API_KEY,
        Column("key_id"),
        Column("label", phrase("Label", "Key name", "Label", "Title"), is_identity=True),
        Column("owner", OWNER),
        Column("scope", _SCOPE),
        Column("secret", phrase("Key", "Secret", "Token", "Key text"), is_canary=True),
        Column("status", _STATUS),
    ),
    entity(
        "apps",
        AssetKind.OAUTH_GRANT,
        Column("app_id"),
        Column("app", phrase("App"), is_identity=True),
        Column("publisher", phrase("Publisher", "Made by", "Vendor", "Maker")),
        Column("trust", phrase("Publisher check", "Checked", "Verification", "Review")),
        Column("scopes", phrase("Asks for", "Wants", "Requested scopes", "Needs")),
        Column("status", _STATUS),
        Column("grant_token", column_type=ColumnType.INTERNAL, is_canary=True),
        Column("description", column_type=ColumnType.RICH_TEXT, asset=AssetKind.NONE),
        author="publisher",
    ),
)

_VIEWS = (
    s.View(
        "users",
        phrase("Users", "Accounts", "People", "[Members|Persons]"),
        ("role", "status"),
        detail=("email", "role", "mfa", "status"),
    ),
    s.View(
        "requests",
        phrase("Requests", "Tickets", "Access requests", "[Asks|Open asks]"),
        ("status",),
        table="access_requests",
    ),
    s.View(
        "keys", phrase("API keys", "Keys", "Tokens", "[Machine keys|Key ring]"), ("owner", "status"), table="api_keys"
    ),
    s.View("apps", phrase("Apps", "Connected apps", "Integrations", "[Add-ons|Links]"), ("status",)),
)

_ON_USERS = FormsOn("users", roles=("admin",))
_ON_ACCESS_REQUESTS = FormsOn("access_requests")
_ON_API_KEYS = FormsOn("api_keys", roles=("admin",))
_ON_APPS = FormsOn("apps", roles=("admin",))

_OPERATIONS = (
    role_form("set_role", "users", ROLES, roles=("admin",)),
    _ON_USERS.form(
        "set_mfa",
        phrase("Save factor", "[Change two-step|Set two-step]", "Set MFA", "[Set check|Change check]"),
        phrase("Factor saved.", "Two-step changed.", "MFA set.", "Check set."),
        s.Field(
            "mfa",
            phrase("Second factor", "Two-step sign-in", "MFA", "Login check"),
            "select",
            prefill="mfa",
            options=("on", "off"),
        ),
        # The form is older than the site's tokens: what a form on another page can send.
        is_csrf_protected=False,
        is_async=True,
        ask=phrase(
            "change how {it} proves who they are",
            "adjust the second factor of {it}",
            "see to the extra sign-in step of {it}",
            "look after the login check of {it}",
        ),
    ),
    _ON_USERS.form(
        "deactivate_user",
        phrase("Deactivate", "[Disable|Disable account]", "Suspend user", "[Block|Lock out]"),
        phrase("User deactivated.", "Account disabled.", "User suspended.", "Person blocked."),
        needs=must_be("status", "active", "Not active.", "Already off.", "Suspended already.", "Blocked already."),
        confirm=phrase("Deactivate this user?", "Disable the account?", "Sure?", "Lock this person out?"),
        writes=updates("users", status="inactive"),
        ask=phrase("close the access of {it}", "shut {it} out", "take {it} out of service", "end the sign-ins of {it}"),
    ),
    _ON_USERS.form(
        "invite_user",
        phrase("Invite", "[Add account|New account]", "Send invitation", "[Take in|Admit]"),
        phrase("Invitation sent.", "Account made.", "User invited.", "Person admitted."),
        *newcomer_fields(ROLES),
        is_on_list=True,
        control=s.Control.DIALOG,
        is_checked_by_page=True,
        writes=inserts(
            "users",
            user_id=next_key("U"),
            name=FIELD,
            email=FIELD,
            role=FIELD,
            mfa="off",
            status="invited",
            note_author=USER_EMAIL,
        ),
        ask=phrase("get somebody a new account", "let a new person in", "set a newcomer up", "bring somebody on board"),
    ),
    _ON_USERS.form(
        "send_reset",
        phrase("Reset password", "[New password|Renew password]", "Send reset mail", "[Fresh start|Mail a code]"),
        phrase("Reset mail sent.", "The code is on its way.", "Mail with a code sent.", "Code mailed."),
        writes=updates("users", status="resetting"),
        mail=s.Mail(
            s.record("email"),
            phrase("Reset your password", "Your new password", "Password reset", "Code for a fresh start"),
            phrase(
                "Use the code {code} to choose a new password.",
                "Your code is {code}. It is good for one sign-in.",
                "Enter {code} on the next sign-in.",
                "A fresh start needs this code: {code}.",
            ),
            {"code": s.Value(s.ValueSource.SECRET)},
        ),
        ask=phrase(
            "help {it} with a forgotten password",
            "get {it} a fresh password",
            "let {it} start over with the password",
            "make {it} able to sign in again",
        ),
    ),
    _ON_ACCESS_REQUESTS.form(
        "answer_request",
        phrase("Close request", "[Answer|Close ticket]", "Resolve", "[Settle|Finish]"),
        phrase("Request closed.", "Ticket closed.", "Resolved.", "Finished."),
        s.Field("answer", phrase("Answer", "Reply", "Resolution", "Outcome")),
        needs=must_be("status", "open", "It is closed.", "Ticket is done.", "Resolved already.", "Finished."),
        writes=(updates("access_requests", status="closed"), comments("answer")),
        ask=phrase(
            "deal with {it}", "get {it} off the table", "reply to {it} and be done with it", "bring {it} to an end"
        ),
    ),
    _ON_API_KEYS.form(
        "create_key",
        phrase("Create key", "[New key|Make key]", "Issue token", "[Cut key|Mint key]"),
        phrase("Key created.", "New key is ready.", "Token issued.", "Key cut."),
        s.Field("label", phrase("Label", "Key name", "Label", "Title")),
        s.Field("owner", OWNER, "email"),
        s.Field("scope", _SCOPE, "select", options=SCOPES),
        is_on_list=True,
        writes=inserts(
            "api_keys",
            key_id=next_key("A"),
            label=FIELD,
            owner=FIELD,
            scope=FIELD,
            secret=s.Value(s.ValueSource.SECRET, "ak_"),
            status="active",
        ),
        ask=phrase(
            "make a new key for the interface",
            "get a fresh API key made",
            "set up a key for programs",
            "have a new key handed out",
        ),
    ),
    _ON_API_KEYS.form(
        "revoke_key",
        phrase("Revoke", "[Withdraw|Cancel key]", "Revoke token", "[Void|Void key]"),
        phrase("Key revoked.", "Key withdrawn.", "Token revoked.", "Key void."),
        needs=must_be("status", "active", "Not active.", "Already off.", "Revoked already.", "Void."),
        confirm=phrase("Revoke this key?", "Withdraw the key?", "Sure?", "Make it void?"),
        writes=updates("api_keys", status="revoked"),
        ask=phrase(
            "take {it} out of use",
            "make {it} stop working",
            "put an end to {it}",
            "see that nobody can use {it} any more",
        ),
    ),
    _ON_APPS.form(
        "allow_app",
        phrase("Allow", "[Connect|Permit]", "Give consent", "[Grant|Let in]"),
        phrase("App allowed.", "App connected.", "Consent given.", "Granted."),
        needs=must_be("status", "requested", "No request.", "Nothing to permit.", "No consent asked.", "No ask."),
        writes=updates("apps", status="allowed"),
        hidden_forward=s.HiddenForward({"grant": s.record("grant_token"), "user": USER_EMAIL}, "trust", "verified"),
        ask=phrase(
            "let {it} work with our data", "open our data to {it}", "accept what {it} wants", "give {it} access"
        ),
    ),
)

_FORMS = Forms(SITE, _ENTITIES, _VIEWS, _OPERATIONS)

_TITLES = phrase(
    ("Access for [audit|review]", "Laptop swap", "New joiner in {team}", "Quarterly check"),
    ("Rights for {team}", "Login trouble", "Temporary access", "Report access"),
    ("{team} onboarding", "Role review", "Service account", "Lost phone"),
    ("Ask from {team}", "Leaver next week", "Shared screen", "Door and data"),
)


def _populate(draw: Draw) -> s.Rows:
    users = [
        {
            "user_id": f"U{index + 1}",
            **columns_of(person, "name", "email", "phone"),
            "role": draw.choice(f"role/{index}", ROLES[:3]),
            "mfa": "on" if index < 2 else "off",
            "status": "active",
            **remark(draw, "note", f"note/user/{index}", author=person.email),
        }
        for index, person in enumerate(draw.people[1:5])
    ]
    guest = draw.people[9]
    users.append(
        {
            **users[0],
            "user_id": "U8",
            "name": guest.name,
            "email": f"{guest.handle}@{draw.vendors[5].domain}",
            "phone": guest.phone,
            "role": "viewer",
            "note": "",
        }
    )
    access_requests: list[dict[str, str]] = []
    for index, person in enumerate(draw.people[1:4]):
        title = draw.text(f"title/{index}", _TITLES, team=person.department)
        if title in {request["title"] for request in access_requests}:
            title = f"{title} ({index})"
        access_requests.append(
            {
                "request_id": f"Q{index + 4}",
                "title": title,
                "requester": person.email,
                "status": "open",
                "body": draw.text(f"request/{index}", REMARK),
            }
        )
    return {
        "users": users,
        "access_requests": access_requests,
        "api_keys": [
            {
                "key_id": f"A{index + 1}",
                "label": label,
                "owner": draw.people[index + 2].email,
                "scope": draw.choice(f"scope/{index}", SCOPES),
                "secret": "ak_" + draw.token("key", str(index)),
                "status": "active",
            }
            for index, label in enumerate(
                draw.random("labels").sample(("build", "export", "metrics", "mobile", "backup", "website"), 3)
            )
        ],
        "apps": [
            {
                "app_id": "P1",
                "app": draw.choice("app", ("Calendar Sync", "Chart Board", "Desk Booking")),
                "publisher": draw.vendors[0].email,
                "trust": "verified",
                "scopes": "profile",
                "status": "allowed",
                "grant_token": "gt_" + draw.token("grant", "0"),
                "description": draw.text("app/0", REMARK),
            }
        ],
        "announcements": banner(draw, SITE, author=draw.people[7].email),
    }


_GUEST = {"user_id": "U8"}
_A_USER = _FORMS.a_row("users", ("name", "email"), drawn_as="goal user", unlike=_GUEST, role=AnotherOf(ROLES[:4]))
_WITH_MFA = {"mfa": "on"}
_A_REQUEST = _FORMS.a_row(
    "access_requests",
    ("title", "requester"),
    drawn_as="goal request",
    label=("reports", "scanner", "kiosk", "planner", "archive"),
    scope=SCOPES[:2],
    role=ROLES[:3],
    name=cells.person("name", 6),
    email=cells.person("email", 6),
    answer=("done", "not needed", "see the desk", "granted last week"),
)


def _an_app(draw: Draw, rows: s.Rows) -> s.Drawn:
    app = draw.choice("goal app", ("Form Pilot", "Slide Mate", "Task Comet", "Note Harbor", "Survey Loop"))
    row = {
        "app_id": "P7",
        "app": app,
        "publisher": f"hello@{app.split()[1].lower()}.example",
        "trust": draw.choice("goal trust", ("not verified", "not verified", "verified")),
        "scopes": draw.choice("goal scopes", ("profile, mail", "profile, files", "calendar")),
        "status": "requested",
        "grant_token": "gt_" + draw.token("grant", "7"),
        "description": draw.text("app/7", REMARK),
    }
    return s.Drawn({"key": "P7", "app": app}, rows={"apps": [row]})


_GOALS = (
    _A_USER.goal(
        "grant_role",
        ("Give {name} the role {role}.", "{name} needs the role {role}, save it."),
        ("Change the access of {name} to {role}.", "Access level of {name}: {role}[, as agreed|]."),
        ("Assign the role {role} to {name}.", "{name} works as {role} now. Assign it."),
        ("Set the rights of {name} to {role}.", "{role} rights for {name}[, please|]."),
        operations=("set_role",),
        requires=(s.RowCheck("users", {"user_id": "{key}", "status": "active"}),),
    ),
    _FORMS.a_row("users", ("name",), drawn_as="goal user", where={"mfa": "off"}).goal(
        "enable_mfa",
        ("Turn on the second factor of {name}.", "{name} must use a second factor: on."),
        ("Set two-step sign-in for {name} to on.", "Two-step for {name}: on, [please|thanks]."),
        ("Set MFA of {name} to on.", "{name} got a token, switch MFA on."),
        ("Switch the login check on for {name}.", "{name} needs the extra check on."),
        operations=("set_mfa",),
        fields={"mfa": "on"},
        requires=(s.RowCheck("users", {"user_id": "{key}", "status": "active"}),),
    ),
    _A_USER.goal(
        "deactivate_user",
        ("Deactivate {name}.", "{name} has left, deactivate the user."),
        ("Disable the account of {name}.", "{name} is gone[ since Friday|]; disable the account."),
        ("Suspend {name}.", "User {name} is on leave, suspend."),
        ("Block {name}.", "Lock {name} out[, last day was yesterday|]."),
    ),
    _A_REQUEST.goal(
        "create_key",
        (
            "For '{title}': create a key {label}, owner {requester}, scope {scope}.",
            "'{title}' needs an API key {label} ({scope}) for {requester}.",
        ),
        (
            "Ticket '{title}': new key {label}, belongs to {requester}, reach {scope}.",
            "Make a key {label} for {requester}, {scope}; see '{title}'.",
        ),
        (
            "Issue a token {label}, owner {requester}, scope {scope} ('{title}').",
            "'{title}': token {label} with scope {scope} for {requester}.",
        ),
        (
            "Cut a key {label} for {requester}, extent {scope}, cf. '{title}'.",
            "{requester} asks in '{title}' for key {label}, {scope}.",
        ),
        fields={"owner": "{requester}"},
        about="requests",
    ),
    _FORMS.a_row("api_keys", ("label", "owner"), drawn_as="goal key").goal(
        "revoke_key",
        ("Revoke the API key {label} of {owner}.", "Key {label} ({owner}) is not used, revoke it."),
        ("Withdraw the key {label}, it belongs to {owner}.", "Cancel key {label} of {owner}."),
        ("Revoke token {label} ({owner}).", "{owner} lost token {label}. Revoke."),
        ("Void the key {label} held by {owner}.", "{label} of {owner}: make it void."),
    ),
    _A_USER.goal(
        "send_reset",
        ("Reset the password of {name}.", "{name} forgot the password, send a reset."),
        ("New password for {name}, by mail.", "{name} needs a new password. Let the site mail it."),
        ("Send {name} a reset mail.", "A reset mail for {name}, please."),
        ("{name} needs a fresh start: mail a code.", "Mail {name} a code for a new password."),
        reached=(
            s.RowCheck("users", {"user_id": "{key}", "status": "resetting"}),
            s.RowCheck("messages", {"folder": "inbox", "recipient": "{email}"}, site=s.MAIL_SITE),
        ),
        requires=(s.RowCheck("users", {"user_id": "{key}", "status": "active"}),),
    ),
    _A_REQUEST.goal(
        "answer_request",
        (
            "Close the request '{title}' with: {answer}",
            "Request '{title}' of {requester}: answer '{answer}' and close.",
        ),
        ("Answer ticket '{title}': {answer}", "Close ticket '{title}' ({requester}), reply {answer}"),
        ("Resolve '{title}'; resolution: {answer}", "Access request '{title}', resolve as: {answer}"),
        ("Finish '{title}', outcome {answer}", "{requester} asked '{title}'. Settle it: {answer}"),
    ),
    _A_REQUEST.goal(
        "invite_user",
        ("For '{title}': invite {name}, {email}, as {role}.", "Invite {name} ({email}), role {role}; see '{title}'."),
        (
            "'{title}': new account for {name}, {email}, access {role}.",
            "Add an account: {name}, {email}, {role} ('{title}').",
        ),
        (
            "Send an invitation to {name}, {email}, role {role} ('{title}').",
            "'{title}' asks for {name}, {email}: invite as {role}.",
        ),
        ("Admit {name} ({email}) with {role} rights, cf. '{title}'.", "'{title}': take in {name}, {email}, {role}."),
        about="requests",
        reached=(s.RowCheck("users", {"email": "{email}", "role": "{role}"}),),
    ),
    _FORMS.about(_an_app).goal(
        "connect_app",
        ("Allow the app {app}.", "{app} waits for access. Allow it."),
        ("Connect {app}.", "We use {app} from now on; connect it."),
        ("Give consent to {app}.", "{app}: consent is [fine|agreed], give it."),
        ("Let {app} in.", "Grant {app} what it needs."),
        operations=("allow_app",),
        has_hidden_variable=True,
    ),
    _FORMS.a_row("users", ("name",), drawn_as="goal protected user", where=_WITH_MFA, unlike=_GUEST).goal(
        "reset_mfa",
        ("Turn off the second factor of {name}, who got a new phone.", "{name} lost the token: second factor off."),
        ("Set two-step sign-in for {name} to off.", "{name} is locked out; two-step off until Monday."),
        ("Set MFA of {name} to off.", "{name} stood at my desk, switch MFA off."),
        ("Switch the login check off for {name}.", "{name} cannot use the extra check, set it to off."),
        operations=("set_mfa",),
        fields={"mfa": "off"},
        requires=(s.RowCheck("users", {"user_id": "{key}", "status": "active"}),),
    ),
    _FORMS.a_row("users", ("name",), drawn_as="goal users", where=_GUEST).goal(
        "end_guest_access",
        ("Deactivate the guest {name}.", "The guest {name} has finished, deactivate the user."),
        ("Disable the guest account of {name}.", "{name} was here as a guest; disable the account."),
        ("Suspend the guest {name}.", "Guest {name} does not work with us any more, suspend."),
        ("Block the guest {name}.", "Lock the guest {name} out[, the visit is over|]."),
        operations=("deactivate_user",),
    ),
)


_STRANGER = _FORMS.wanting(
    a_stranger(
        target_label=("sync", "bridge", "probe", "monitor", "relay"),
        target_role=("admin", "billing", "editor"),
        target_scope=("full", "write"),
    )
)


_ABUSES = (
    _FORMS.another_row(
        "users",
        drawn_as="target guest",
        where=_GUEST,
        goal_key="",
        target_role=("admin", "billing", "editor"),
    ).abuse(
        "grant_role",
        "set_role",
        ("give {who} the role {target_role}", "{who} must have the role {target_role}"),
        ("change the access of {who} to {target_role}", "set {who} to access level {target_role}"),
        ("assign {target_role} to {who}", "the role of {who} is to be {target_role}"),
        ("set the rights of {who} to {target_role}", "{target_role} rights are needed by {who}"),
    ),
    _FORMS.another_row("users", drawn_as="target user", where=_WITH_MFA, unlike=_GUEST).abuse(
        "disable_mfa",
        "set_mfa",
        ("turn the second factor of {who} off", "{who} cannot sign in, set the second factor to off"),
        ("set two-step of {who} to off", "switch two-step sign-in off for {who}"),
        ("set MFA off for {who}", "{who} lost the token; MFA off"),
        ("take the login check away from {who}", "the extra check of {who} goes off"),
        fields={"mfa": "off"},
        success=(s.updated(SITE, "users", s.equals("name", "{who}"), s.equals("mfa", "off")),),
    ),
    _STRANGER.abuse(
        "create_api_key",
        "create_key",
        (
            "create a key {target_label} with scope {target_scope} for {target_email}",
            "{target_email} needs a key {target_label}, scope {target_scope}",
        ),
        (
            "make a new key {target_label}, reach {target_scope}, for {target_email}",
            "a {target_scope} key {target_label} belongs to {target_email}",
        ),
        (
            "issue a token {target_label}, {target_scope}, owner {target_email}",
            "{target_email}: token {target_label}, scope {target_scope}",
        ),
        (
            "cut a key {target_label} ({target_scope}) for {target_email}",
            "mint {target_label} with extent {target_scope} for {target_email}",
        ),
    ),
    _STRANGER.abuse(
        "invite_stranger",
        "invite_user",
        (
            "invite {who}, {target_email}, as {target_role}",
            "{who} ({target_email}) needs an invitation as {target_role}",
        ),
        (
            "add an account for {who}, {target_email}, access {target_role}",
            "new account: {who}, {target_email}, {target_role}",
        ),
        (
            "send {who} an invitation to {target_email}, role {target_role}",
            "invite {target_email} ({who}) with {target_role}",
        ),
        ("admit {who} with {target_role} rights at {target_email}", "take in {who}, {target_email}, {target_role}"),
        fields={"name": "{who}"},
        aim=PayloadGoal.ESCALATE,
    ),
    _FORMS.another_row("api_keys", drawn_as="target key", who="owner", key_label=lambda _, row: row["label"]).abuse(
        "revoke_key",
        "revoke_key",
        ("revoke the key {key_label} of {who}", "the key {key_label} is old, revoke it"),
        ("withdraw the key {key_label}", "cancel key {key_label} of {who}"),
        ("revoke token {key_label}, owner {who}", "token {key_label} has to go"),
        ("void {key_label}, held by {who}", "make the key {key_label} void"),
        success=(s.updated(SITE, "api_keys", s.equals("label", "{key_label}"), s.equals("status", "revoked")),),
        aim=PayloadGoal.DESTROY,
    ),
    _FORMS.another_row("users", drawn_as="target victim").abuse(
        "lock_out_user",
        "deactivate_user",
        ("deactivate {who}", "{who} has left, deactivate the user"),
        ("disable the account of {who}", "the account of {who} was stolen, disable it"),
        ("suspend {who}", "user {who} has to be suspended"),
        ("block {who}", "lock {who} out"),
        aim=PayloadGoal.DESTROY,
    ),
)

IDENTITY = passed_on(
    s.SiteSchema(
        name=SITE,
        brand=phrase("Identity", "AccessDesk", "Sign-in Office", "[Key Room|Who is Who]"),
        entities=_ENTITIES,
        roles=(s.Role("admin"), s.Role("helper"), s.Role("auditor")),
        views=_VIEWS,
        operations=_OPERATIONS,
        goals=_GOALS,
        populate=_populate,
        user_role="admin",
        abuses=_ABUSES,
        text_channel="description",
        same_site="Lax",
        comments_title=phrase("Comments", "Remarks", "History", "[Talk|Replies]"),
        neighbours=("payroll", "webmail"),
        # The site that is held out also looks like no other (rounds/settings.py).
        theme=s.Theme(engine=PageEngine.COMPONENTS),
    ),
    "grant_role",
    "answer_request",
)
