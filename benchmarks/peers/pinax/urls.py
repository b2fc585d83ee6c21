"""The links of pinax-referrals under the address Molva has them at, so that one load script asks both."""

from django.urls import include, path
from ready import readyz

urlpatterns = [path("readyz", readyz), path("r/to/", include("pinax.referrals.urls"))]
