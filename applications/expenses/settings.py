"""I Hate Money's own settings, for a start on loopback."""

import os

SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.path.abspath(os.environ['DATABASE'])}"
SECRET_KEY = "an example on loopback, nothing else"
SESSION_COOKIE_SECURE = False
ACTIVATE_DEMO_PROJECT = False
ALLOW_PUBLIC_PROJECT_CREATION = False
MAIL_SUPPRESS_SEND = True
RATELIMIT_ENABLED = False
