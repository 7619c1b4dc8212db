"""django-helpdesk as it is, with a few queues and tickets: `manage.py seed` fills, `manage.py runserver` serves."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line

settings.configure(
    DEBUG=True,  # runserver then serves styles and scripts itself
    SECRET_KEY="an example on loopback, nothing else",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="routes",
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(os.environ["DATABASE"]).absolute())}
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.sites",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.contrib.humanize",
        "rest_framework",
        "helpdesk",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
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
    SITE_ID=1,
    USE_TZ=True,
    LOGIN_URL="/login/",
    LOGIN_REDIRECT_URL="/tickets/",
    EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
    HELPDESK_TEAMS_MODE_ENABLED=False,
    HELPDESK_ENABLE_ATTACHMENTS=False,
    HELPDESK_ENABLE_BACKLINKS=False,
    HELPDESK_DISABLE_WEBHOOKS=True,
    HELPDESK_REDIRECT_TO_LOGIN_BY_DEFAULT=True,
)

TICKETS = (
    ("Invoice has the wrong address", "billing@harbormills.example", "The invoice of March names our old street."),
    ("Cannot sign in since Monday", "kim@cedarworks.example", "The page says my password has expired."),
    ("Please cancel the second order", "office@stonebay.example", "We have ordered the same chairs twice."),
    ("Printer on floor 2 is offline", "sam@northfield.example", "It blinks orange and does nothing."),
    ("Refund for the broken lamp", "noor@quickline.example", "It arrived in pieces, see the delivery note."),
)


def seed() -> None:
    """Tables and rows; dates are long past and fixed, since pages say how long ago something was."""
    from django.contrib.auth.models import User
    from helpdesk.models import Queue, Ticket

    call_command("migrate", verbosity=0)
    since = datetime(2021, 3, 1, 9, tzinfo=UTC)
    user = User.objects.create_superuser("dana", "dana@office.example", "quiet-river")
    User.objects.filter(pk=user.pk).update(date_joined=since)
    queues = [Queue.objects.create(title=title, slug=title.lower()) for title in ("Billing", "Support")]
    for index, (title, sender, text) in enumerate(TICKETS):
        ticket = Ticket.objects.create(
            title=title, queue=queues[index % 2], submitter_email=sender, description=text, priority=3, assigned_to=user
        )
        at = since + timedelta(days=index)
        Ticket.objects.filter(pk=ticket.pk).update(created=at, modified=at)


if __name__ == "__main__":
    django.setup()
    if sys.argv[1] == "seed":
        seed()
    else:
        execute_from_command_line(sys.argv)
