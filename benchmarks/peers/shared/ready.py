"""`/readyz` of the peers: the benchmark waits for it before the first run."""

from django.http import HttpRequest, HttpResponse


def readyz(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()
