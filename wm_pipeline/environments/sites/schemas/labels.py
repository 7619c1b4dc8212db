"""Labels that several sites share: names of columns and fields that mean the same wherever they stand."""

from wm_pipeline.environments.sites.wording import phrase

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
