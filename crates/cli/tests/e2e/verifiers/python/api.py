"""An API in Python, whose tokens a library verifies by the keys that the issuer publishes, or by asking it.

    python api.py LIBRARY ISSUER AUDIENCE       says "serves ADDRESS"; GET answers 200 with the scope, or 401

Those that ask are the client of CLIENT_ID and CLIENT_SECRET in the environment.
"""

import os
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

LIBRARY, ISSUER, AUDIENCE = sys.argv[1:]


def credentials():
    return os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]


def pyjwt():
    """By PyJWT, which keeps the keys for some minutes."""
    import jwt
    from flask import Flask, request

    # Five minutes pass before a published key signs. In the test none do, so there is no pause between two looks at the keys.
    keys = jwt.PyJWKClient(f"{ISSUER}/oauth2/jwks", cooldown_duration=0)
    api = Flask(__name__)

    @api.get("/payments")
    def payments():
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token,
            key,
            algorithms=["ES256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return claims["scope"]

    @api.errorhandler(jwt.PyJWTError)
    def refuse(error):
        print(error, file=sys.stderr)
        return "", 401

    return api


def flask_api(validator):
    """An API whose requests Authlib guards."""
    from authlib.integrations.flask_oauth2 import ResourceProtector, current_token
    from flask import Flask

    protect = ResourceProtector()
    protect.register_token_validator(validator)
    api = Flask(__name__)

    @api.get("/payments")
    @protect("payments:read")
    def payments():
        return current_token["scope"]

    return api


def authlib_jwt():
    """By Authlib's validator of RFC 9068, to which the application gives the keys."""
    import requests
    from authlib.oauth2.rfc9068 import JWTBearerTokenValidator

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self):
            return requests.get(f"{ISSUER}/oauth2/jwks", timeout=10).json()

    return flask_api(Validator(ISSUER, AUDIENCE))


def authlib_opaque():
    """By Authlib's validator of RFC 7662, for which the application asks."""
    import requests
    from authlib.oauth2.rfc7662 import IntrospectTokenValidator

    class Validator(IntrospectTokenValidator):
        def introspect_token(self, token_string):
            answer = requests.post(
                f"{ISSUER}/oauth2/introspect",
                data={"token": token_string, "token_type_hint": "access_token"},
                auth=credentials(),
                timeout=10,
            )
            answer.raise_for_status()
            return answer.json()

    return flask_api(Validator())


def django():
    """By django-oauth-toolkit, which asks, and keeps the answer."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.management import call_command
    from django.http import HttpResponse
    from django.urls import path

    settings.configure(
        ALLOWED_HOSTS=["api.example.com"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        OAUTH2_PROVIDER={
            "RESOURCE_SERVER_INTROSPECTION_URL": f"{ISSUER}/oauth2/introspect",
            "RESOURCE_SERVER_INTROSPECTION_CREDENTIALS": credentials(),
        },
        ROOT_URLCONF=__name__,
        SECRET_KEY="of a test",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from oauth2_provider.oauth2_backends import get_oauthlib_core

    def payments(request):
        is_good, found = get_oauthlib_core().verify_request(request, scopes=["payments:read"])
        return HttpResponse(found.access_token.scope) if is_good else HttpResponse(status=401)

    urlpatterns.append(path("payments", payments))
    return WSGIHandler()


class Handler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


# Django looks for it in the module that it is told of.
urlpatterns = []
LIBRARIES = {
    "pyjwt": pyjwt,
    "authlib-jwt": authlib_jwt,
    "authlib-opaque": authlib_opaque,
    "django-oauth-toolkit": django,
}
api = LIBRARIES[LIBRARY]()
with make_server("127.0.0.1", 0, api, handler_class=Handler) as server:
    print(f"serves 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
