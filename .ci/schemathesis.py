"""What schemathesis has to know of the service beyond its document: names and passwords as the bounds in words allow
them, an admin whose tokens hold, and what no schema can say. .ci/schemathesis starts it; the service is at $OMS_URL, and its
mail in $OMS_MAILBOX."""
import itertools
import os
import pathlib
import re
import threading
import time
import uuid

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi import checks

URL = os.environ["OMS_URL"]
own = threading.local()  # each worker's own admin, so that none ends another's session


def bearer():
    return {"Authorization": "Bearer " + own.tokens["access_token"]}


def found():
    """Sees to it that own has an organization, and its admin a password and tokens that hold."""
    if not hasattr(own, "session"):
        own.session, own.turns, own.changed, own.tokens = requests.Session(), itertools.cycle((True, False)), True, None
        own.asset = re.search(r"assets/([0-9a-f]{16})/", own.session.get(URL + "/docs").text)[1]
    if not own.changed:
        return
    me = own.session.get(URL + "/org/me", headers=bearer()).json().get("data") if own.tokens else None
    if me is None:
        own.password = uuid.uuid4().hex
        admin = {"email": own.password + "@fuzz.example", "password": own.password}
        made = own.session.post(URL + "/org/create", json=admin | {"organization_name": own.password})
        login = own.session.post(URL + "/admin/login", json=admin)
        me, own.tokens = made.json()["data"], login.json()
    own.name, own.email, own.changed = me["organization_name"], me["admin_email"], False


mails, letters, reading = {}, set(), threading.Lock()  # tokens by whose and what for; files that were read


def mailed(purpose):
    """Returns the token that was mailed to own last for that."""
    for _ in range(100):
        with reading:
            for letter in sorted(set(pathlib.Path(os.environ["OMS_MAILBOX"]).glob("*.eml")) - letters):
                text = letter.read_text()
                token = re.search(r"(oms[cp]_)[\w-]+", text)
                if token:
                    mails[re.search(r"^To: <(.*)>", text, re.M)[1], token[1]] = token[0]
                letters.add(letter)
            if (own.email, purpose) in mails:
                return mails[own.email, purpose]
        time.sleep(0.05)
    raise RuntimeError("no mail has come")


def positive(case):
    """Reports whether all of a case is valid: of one that the phase "coverage" calls valid, a header may not be."""
    m = case.meta
    return m is not None and m.generation.mode.is_positive and all(c.mode.is_positive for c in m.components.values())


# A name has 2 to 100 characters, a new password 8 bytes or more.
schemathesis.openapi.format("organization-name", st.from_regex(r"\A[A-Za-z0-9][ -~]{0,60}[A-Za-z0-9]\Z"))
schemathesis.openapi.format("password", st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=100))


@schemathesis.auth(refresh_interval=None)
class Admin:
    def get(self, case, ctx):
        found()
        return bearer()

    def set(self, case, header, ctx):
        case.headers = {**(case.headers or {}), **header}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes every second valid request one of the worker's own admin: others find nothing that they are about. Of a
    change every one, for its wrong passwords would delay the right ones."""
    found()
    if not positive(case) or not (next(own.turns) or case.operation.label == "PUT /org/update"):
        return
    match case.operation.label:
        case "GET /org/get":
            case.query["organization_name"] = own.name
        case "DELETE /org/delete":
            case.query, case.body = {"organization_name": own.name}, {"password": own.password}
            case.headers.pop("If-Match", None)
        case "PUT /org/update":
            mine = {"password": own.password}
            if "new_organization_name" in case.body:
                mine["organization_name"] = own.name
            if "admin_email" in case.body:
                mine["email"] = case.body["admin_email"]
            case.body.update((name, value) for name, value in mine.items() if name in case.body)
            case.headers.pop("If-Match", None)
        case "POST /admin/login":
            case.body = {"email": own.email, "password": own.password}
        case "POST /admin/refresh":
            case.body = {"refresh_token": own.tokens["refresh_token"]}
        case "POST /admin/password/forgot":
            case.body = {"email": own.email}
        case "POST /admin/password/reset":
            own.session.post(URL + "/admin/password/forgot", json={"email": own.email})
            case.body["token"] = mailed("omsp_")
        case "POST /admin/email/confirm":
            case.body = {"token": mailed("omsc_")}
        case "DELETE /admin/sessions/{id}":
            sessions = own.session.get(URL + "/admin/sessions", headers=bearer()).json()["data"]["sessions"]
            case.path_parameters["id"] = sessions[-1]["id"]
        case "GET /docs/assets/{version}/{file}":
            case.path_parameters["version"] = own.asset


@schemathesis.hook
def after_call(context, case, response):
    """Notes what may have changed the admin or ended the session; a refresh token that is used again does, too."""
    if case.method != "GET" and (response.status_code < 300 or response.status_code == 401):
        own.changed = True


@schemathesis.check
def valid_data_acceptance(ctx, response, case):
    """positive_data_acceptance, whose place it takes, but for what depends on more than one value: two that must agree,
    one that may be in two places, a version that has passed, a key that another request had."""
    if not positive(case):
        return None
    if response.status_code == 429:  # guesses are delayed
        return None
    if response.status_code in (412, 422):
        problem = response.json()
        if problem["code"] in ("version_mismatch", "idempotency_key_reused"):
            return None
        elsewhere = "missing" if case.operation.label == "DELETE /org/delete" else "conflict"
        if all(e["code"] in ("conflict", elsewhere) for e in problem["errors"]):
            return None
    return checks.positive_data_acceptance(ctx, response, case)


@schemathesis.check
def undeclared_method(ctx, response, case):
    """unsupported_method, whose place it takes, but that API Gateway answers a method without a route with a 404."""
    if response.status_code == 404 and response.json() == {"message": "Not Found"}:
        return None
    return checks.unsupported_method(ctx, response, case)
