"""pinax-referrals in the smallest project it runs in."""

from tuned import *  # noqa: F403  # A settings module is its names.
from tuned import APPS, DATABASES, MIDDLEWARE_NEEDED

INSTALLED_APPS = [*APPS, "pinax.referrals"]
MIDDLEWARE = [*MIDDLEWARE_NEEDED, "pinax.referrals.middleware.SessionJumpingMiddleware"]
PINAX_REFERRALS_IP_ADDRESS_META_FIELD = "REMOTE_ADDR"
PINAX_REFERRALS_ALLOWED_REDIRECT_HOSTS = ["shop.example"]

# A visit writes a session and a response: together they are one commit instead of two. The session's own is left.
DATABASES["default"]["ATOMIC_REQUESTS"] = True
