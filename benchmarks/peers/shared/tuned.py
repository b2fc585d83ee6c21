"""Settings both peers share: as little of Django as a referral link needs, on SQLite tuned as Molva's is.

Their own settings.py takes every name from here. PEER_DATABASE names the file, PEER_SECRET is any text; the program
that starts the server gives both.
"""

import os

DEBUG = False
SECRET_KEY = os.environ["PEER_SECRET"]
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "urls"

APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.sites"]
# Both ask for `request.user`, which needs these two; every further one would only cost.
MIDDLEWARE_NEEDED = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["PEER_DATABASE"],
        "CONN_MAX_AGE": None,  # A connection lives as long as its thread.
        "OPTIONS": {
            "timeout": 5,  # Seconds: `busy_timeout`.
            "transaction_mode": "IMMEDIATE",
            "init_command": (
                "PRAGMA journal_mode=WAL;"
                "PRAGMA synchronous=FULL;"
                "PRAGMA journal_size_limit=67108864;"
                "PRAGMA cache_size=-65536;"
                "PRAGMA temp_store=MEMORY;"
            ),
        },
    }
}
