"""Words that several sites share: names of columns and fields that mean the same wherever they stand, and limits."""

from wm_pipeline.environments.sites.wording import Phrase, phrase

NAME = phrase("Name", "Full name", "Name", "Person")
EMAIL = phrase("E-mail", "Mail", "E-mail", "Address")
PHONE = phrase("Phone", "Tel.", "Phone", "Mobile")
STATUS = phrase("Status", "State", "[Stage|Status]", "[Standing|State]")
AMOUNT = phrase("Amount", "[Sum|Total]", "Amount EUR", "[Value|Figure]")
ROLE = phrase("Role", "[Access|Access level]", "Role", "[Rights|Permission set]")
OWNER = phrase("Owner", "Belongs to", "Owner", "Holder")
RECIPIENT = phrase("Send to", "Recipient", "To", "[Addressee|Goes to]")
TEXT = phrase("Text", "Message", "Your words", "[Body|Content]")
REASON = phrase("Reason", "Why", "Grounds", "Remark")


def held_above(limit: int, what: str, remedy: str, *, others: str = "Anything over {} is held.") -> Phrase:
    """What a form says about a limit above which it needs somebody's approval."""
    return phrase(
        f"Above {limit} {what} waits for approval.",
        f"More than {limit} needs {remedy}.",
        f"Limit without approval: {limit}.",
        others.format(limit),
    )
