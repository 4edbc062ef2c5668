"""An OAuth 2.0 provider on the unmodified Django application `django-oauth-toolkit`, on loopback.

    python server.py [--port N] [--access-token-ttl SECONDS] [--grace SECONDS] [--database ADDRESS]

Every refresh rotates the refresh token and ends the old access token at once. A refresh token used again after the grace
ends its whole family; inside it (default 0: never) it brings the same successor once more. What is here is what the
toolkit leaves to a site: settings, a login that believes anybody, an API, and a journal.

    /o/authorize/   /o/token/   /o/revoke_token/     the toolkit's own
    /api/me               the user of the token
    /api/client           the client of a token that no user consented to
    GET  /journal         what the token endpoint and the API were asked and answered, without secrets
    GET  /grants          of each family of tokens: its user, how many refresh tokens it had, whether one is alive

Prints one line {"base_url": ...} when it listens. The database is a file in a temporary folder, or ADDRESS
(`postgres://USER:PASSWORD@HOST:PORT/NAME`), whose tables are made where they are missing.
"""

import argparse
import json
import secrets
import signal
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
from cheroot.wsgi import Server
from django.conf import settings

CONFIDENTIAL, PUBLIC, SERVICE = "confidential", "public", "service"
# Holds what must be form-encoded before it goes into a Basic header (RFC 6749 section 2.3.1).
SECRET = "confidential-secret: 100% + /"
REDIRECT_URI = "http://127.0.0.1/callback"  # on any port (RFC 8252 section 7.3)
THREADS = 8

JOURNAL: list[dict[str, Any]] = []

LOGIN_PAGE = """<!doctype html>
<title>Login</title>
<form method="post">
  <input type="hidden" name="csrfmiddlewaretoken" value="{token}">
  <input name="login" placeholder="Any user name" required>
  <button>Log in</button>
</form>
"""


def configure(options: argparse.Namespace, folder: str) -> None:
    applications = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "oauth2_provider"]
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={"default": database(options.database, folder)},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=applications,
        LOGIN_URL="/login",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        # The tables as the models are now: nothing older is to be carried over.
        MIGRATION_MODULES={name.rpartition(".")[2]: None for name in applications},
        OAUTH2_PROVIDER={
            "ACCESS_TOKEN_EXPIRE_SECONDS": options.access_token_ttl,
            "OAUTH_PRE_TOKEN_VALIDATION": [],
            "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": options.grace,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "ROTATE_REFRESH_TOKEN": True,
        },
        ROOT_URLCONF=__name__,
        SECRET_KEY=secrets.token_urlsafe(),
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        USE_TZ=True,
    )
    django.setup()


def database(address: str | None, folder: str) -> dict[str, Any]:
    if address is None:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(folder) / "provider.db"),
            "OPTIONS": {
                # A transaction that begins by reading cannot wait for a writer: it would fail at once.
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                # It lives as long as this process does.
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF",
            },
            "CONN_MAX_AGE": None,
        }
    parts = urlsplit(address)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "HOST": parts.hostname,
        "PORT": parts.port,
        "USER": parts.username,
        "PASSWORD": parts.password,
        "CONN_MAX_AGE": None,
    }


def make_clients() -> None:
    from oauth2_provider.models import Application

    code, itself = Application.GRANT_AUTHORIZATION_CODE, Application.GRANT_CLIENT_CREDENTIALS
    for client_id, kind, grant in [
        (CONFIDENTIAL, Application.CLIENT_CONFIDENTIAL, code),
        (PUBLIC, Application.CLIENT_PUBLIC, code),
        (SERVICE, Application.CLIENT_CONFIDENTIAL, itself),
    ]:
        Application.objects.update_or_create(
            client_id=client_id,
            defaults={
                "client_secret": "" if client_id == PUBLIC else SECRET,
                "hash_client_secret": False,  # hashing takes longer than all else that a token request does
                "client_type": kind,
                "authorization_grant_type": grant,
                "redirect_uris": REDIRECT_URI if grant == code else "",
            },
        )


# --- What a site adds --------------------------------------------------------------------------------------------


def log_in(request: Any) -> Any:
    from django.contrib.auth import get_user_model, login
    from django.http import HttpResponse, HttpResponseRedirect
    from django.middleware.csrf import get_token

    if request.method != "POST":
        return HttpResponse(LOGIN_PAGE.format(token=get_token(request)))
    user, _ = get_user_model().objects.get_or_create(username=request.POST["login"])
    login(request, user)
    return HttpResponseRedirect(request.GET["next"])


def me(request: Any) -> Any:
    from django.http import JsonResponse

    note("api", status=200, user=request.resource_owner.username)
    return JsonResponse({"sub": request.resource_owner.username})


def client(request: Any) -> Any:
    """Whose token it is that no user consented to."""
    from django.http import JsonResponse
    from oauth2_provider.models import AccessToken

    token = AccessToken.objects.filter(token=request.headers["authorization"].removeprefix("Bearer ")).first()
    if token is None or not token.is_valid() or token.user is not None:
        return JsonResponse({}, status=401)
    return JsonResponse({"client": token.application.client_id})


def protected_me(request: Any) -> Any:
    from oauth2_provider.decorators import protected_resource

    answer = protected_resource(advertise_metadata=True)(me)(request)
    if answer.status_code != 200:
        note("api", status=answer.status_code)
    return answer


def token(request: Any) -> Any:
    from oauth2_provider.views import TokenView

    answer = TokenView.as_view()(request)
    error = {} if answer.status_code == 200 else {"error": json.loads(answer.content).get("error")}
    note(
        "token",
        grant_type=request.POST.get("grant_type"),
        status=answer.status_code,
        **error,
    )
    return answer


def journal(_request: Any) -> Any:
    from django.http import JsonResponse

    return JsonResponse(JOURNAL, safe=False)


def grants(_request: Any) -> Any:
    from django.db.models import Count, Q
    from django.http import JsonResponse
    from oauth2_provider.models import RefreshToken

    families = RefreshToken.objects.values("token_family", "user__username").annotate(
        generations=Count("pk"), living=Count("pk", filter=Q(revoked=None))
    )
    told = [
        {
            "family": str(family["token_family"]),
            "user": family["user__username"],
            "generations": family["generations"],
            "alive": family["living"] > 0,
        }
        for family in families
    ]
    return JsonResponse(told, safe=False)


def note(event: str, **entry: Any) -> None:
    JOURNAL.append({"at": time.time(), "event": event, **entry})


def routes() -> list[Any]:
    from django.urls import include, path
    from django.views.decorators.csrf import csrf_exempt

    return [
        path("login", log_in),
        path("o/token/", csrf_exempt(token)),
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("api/me", protected_me),
        path("api/client", client),
        path("journal", journal),
        path("grants", grants),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--access-token-ttl", type=int, default=3600, metavar="SECONDS")
    parser.add_argument("--grace", type=int, default=0, metavar="SECONDS")
    parser.add_argument("--database", metavar="ADDRESS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        configure(options, folder)
        from django.core.management import call_command
        from django.core.wsgi import get_wsgi_application

        call_command("migrate", run_syncdb=True, verbosity=0)
        make_clients()
        # Django looks for the routes in the module that ROOT_URLCONF names: this one, once its models can be imported.
        globals()["urlpatterns"] = routes()
        server = Server(("127.0.0.1", options.port), get_wsgi_application(), numthreads=THREADS, request_queue_size=500)
        server.prepare()
        print(json.dumps({"base_url": f"http://127.0.0.1:{server.bind_addr[1]}"}), flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            server.serve()
        except KeyboardInterrupt:
            server.stop()


if __name__ == "__main__":
    main()
