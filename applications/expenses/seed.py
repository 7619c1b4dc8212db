"""Fills I Hate Money with the expenses of a shared flat; dates are fixed, as its pages print them."""

from datetime import date

from ihatemoney.models import Bill, BillType, Person, Project, db
from ihatemoney.wsgi import application
from werkzeug.security import generate_password_hash

BILLS = (
    ("Electricity for March", 96.0, 0),
    ("Groceries at the market", 41.5, 1),
    ("New kettle", 29.0, 2),
    ("Internet for March", 35.0, 0),
    ("Cleaning things", 18.0, 1),
)

with application.app_context():
    flat = Project(
        id="flat",
        name="River Street 5",
        password=generate_password_hash("quiet-river"),
        contact_email="dana@riverstreet.example",
        default_currency="XXX",
    )
    db.session.add(flat)
    people = [Person(project=flat, name=name) for name in ("Dana", "Ivo", "Mara")]
    db.session.add_all(people)
    db.session.flush()
    for day, (what, amount, payer) in enumerate(BILLS, start=3):
        bill = Bill(
            amount=amount,
            date=date(2026, 3, day),
            external_link="",
            original_currency="XXX",
            owers=people,
            payer_id=people[payer].id,
            project_default_currency="XXX",
            what=what,
            bill_type=BillType.EXPENSE,
        )
        bill.creation_date = date(2026, 3, day)
        db.session.add(bill)
    db.session.commit()
