"""A small office in Django's admin: `manage.py seed` fills its database, `manage.py runserver` serves it.

One file is the whole project: settings, models, admin and data. DATABASE names the SQLite file or a Postgres URL.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line

DATABASE = os.environ["DATABASE"]


def database_settings() -> dict[str, str]:
    """Django's name for what DATABASE names."""
    if "://" not in DATABASE:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(DATABASE).absolute())}
    parts = urlsplit(DATABASE)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }


settings.configure(
    DEBUG=True,  # runserver then serves the admin's styles itself
    SECRET_KEY="an example on loopback, nothing else",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="office.urls",
    DATABASES={"default": database_settings()},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "office",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    STATIC_URL="/static/",
    MIGRATION_MODULES={"office": None},
    USE_TZ=True,
)

SUPPLIERS = (
    ("Harbor Mills", "orders@harbormills.example", "DE89370400440532013000", 4000),
    ("Cedar Works", "desk@cedarworks.example", "GB29NWBK60161331926819", 2500),
    ("Northfield Paper", "sales@northfield.example", "FR1420041010050500013M02606", 1800),
    ("Quickline Freight", "dispatch@quickline.example", "NL91ABNA0417164300", 6000),
    ("Stonebay Catering", "hello@stonebay.example", "ES9121000418450200051332", 1200),
)
ORDERS = (
    ("Paper, 40 boxes", 0, 380, "open"),
    ("Pallets, 12", 3, 940, "open"),
    ("Lunch for the board", 4, 310, "approved"),
    ("Shelves, second floor", 1, 1450, "open"),
    ("Toner, 6", 2, 420, "approved"),
    ("Freight to Lyon", 3, 1120, "open"),
)


def seed() -> None:
    """Tables and rows; dates are fixed, so that pages do not change with the day they are shown on."""
    from django.contrib.auth.models import User

    from office.models import Order, Supplier

    call_command("migrate", run_syncdb=True, verbosity=0)
    since = datetime(2024, 3, 4, 9, tzinfo=UTC)
    user = User.objects.create_superuser("dana", "dana@office.example", "quiet-river")
    User.objects.filter(pk=user.pk).update(date_joined=since)
    suppliers = [
        Supplier.objects.create(name=name, email=email, iban=iban, credit_limit=limit)
        for name, email, iban, limit in SUPPLIERS
    ]
    for title, supplier, amount, status in ORDERS:
        Order.objects.create(title=title, supplier=suppliers[supplier], amount=amount, status=status)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    django.setup()
    if sys.argv[1] == "seed":
        seed()
    else:
        execute_from_command_line(sys.argv)
