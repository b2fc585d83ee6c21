"""django-hype in the smallest project it runs in."""

from tuned import *  # noqa: F403  # A settings module is its names.
from tuned import APPS, MIDDLEWARE_NEEDED

INSTALLED_APPS = [*APPS, "hype"]
MIDDLEWARE = [*MIDDLEWARE_NEEDED, "hype.middleware.AnonymousReferralMiddleware"]
