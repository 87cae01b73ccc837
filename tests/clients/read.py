"""The SMART group's Python client reads a whole record with a backend token that it asked for itself.

Its models refuse what is not well-formed FHIR R4 (required elements, types, cardinalities), so whatever it reads is checked too.
Called by .ci/clients.sh with the gateway's address.
"""

import json
import sys
import urllib.request
import warnings

from fhirclient import client
from fhirclient.models import fhirsearch
from fhirclient.server import FHIRNotFoundException, FHIRPermissionDeniedException, FHIRUnauthorizedException

warnings.simplefilter("error", DeprecationWarning)
base = sys.argv[1]
issuer = f"{base}/fhir/r4"
passed = 0


def check(holds, what):
    global passed
    if not holds:
        sys.exit(f"fhirclient: {what}")
    passed += 1


def assertion(client_id, user=""):
    with urllib.request.urlopen(f"{base}/sandbox/assertion?client_id={client_id}&user={user}") as answer:
        return answer.read().decode()


def connect(client_id, scope, user="", details=None):
    """A client with a token, asked for by client_credentials as the client does it; it knows no further parameters."""
    smart = client.FHIRClient(
        settings={
            "app_id": client_id,
            "api_base": issuer,
            "scope": scope,
            "jwt_token": assertion(client_id, user),
        }
    )
    smart.wants_patient = False
    smart.server.get_capability()
    auth = smart.server.auth
    check(auth.auth_type == "oauth2", "it finds no token endpoint in the CapabilityStatement")
    if details is not None:
        own = auth._token_params
        auth._token_params = lambda server: own(server) | {"authorization_details": json.dumps([details])}
    context = smart.server.authorize()
    check(smart.ready, "it has no token")
    return smart, context


def consent(nhs_number):
    said = dict.fromkeys(
        ["asked", "told_what", "told_why", "told_may_decline", "told_meaning_of_declining", "voluntary", "capacity"], True
    )
    return {
        "type": "https://openmig.org/occasion",
        "patient": nhs_number,
        "treatment": "worklist",
        "consent": {**said, "answer": "yes"},
    }


def model(kind):
    return getattr(__import__(f"fhirclient.models.{kind.lower()}", fromlist=[kind]), kind)


def read_everything(nhs_number):
    smart, context = connect("sandbox-backend", "system/*.rs", "hospital-doctor", consent(nhs_number))
    patient = context["patient"]
    person = model("Patient").read(patient, smart.server)
    check(person.id == patient, "another patient was read")
    kinds = [scope.split("/")[1].split(".")[0] for scope in context["scope"].split()]
    check("Condition" in kinds and "*" not in context["scope"], f"granted was {context['scope']}")
    total = 0
    stands_for_itself = {"Patient", "Consent", "Practitioner", "Organization", "Specimen"}
    for kind in sorted(set(kinds) - stands_for_itself):
        ids = set()
        search = fhirsearch.FHIRSearch(model(kind), {"patient": patient, "_count": "20"})
        for bundle in search.perform_iter(smart.server):
            for entry in bundle.entry or []:
                if entry.search.mode != "match":
                    continue
                check(entry.resource.resource_type == kind, f"a {kind} search gave {entry.resource.resource_type}")
                check(entry.fullUrl == f"{issuer}/{kind}/{entry.resource.id}", f"fullUrl of a {kind}")
                check(entry.resource.id not in ids, f"a page of {kind} shows what another showed")
                ids.add(entry.resource.id)
        check(bundle.total is None or bundle.total == len(ids), f"{kind}: {bundle.total} said, {len(ids)} read")
        total += len(ids)
        if ids:
            one = sorted(ids)[0]
            check(model(kind).read(one, smart.server).id == one, f"a {kind} by its id")
    check(total > 20, f"only {total} resources")
    said = context["authorization_details"][0]["consent"].split("/")[1]
    check(model("Consent").read(said, smart.server).status == "active", "the Consent")
    practice = person.managingOrganization or person.generalPractitioner[0]
    check(practice.resolved(model("Organization")).id, "the practice")
    try:
        model("Condition").read("no-such-id", smart.server)
        check(False, "an unknown id was found")
    except FHIRNotFoundException:
        check(True, "")
    # a token for one type reads no other
    narrow, context = connect("sandbox-backend", "system/Condition.rs", "hospital-doctor", consent(nhs_number))
    check(context["scope"] == "system/Condition.rs", context["scope"])
    try:
        list(fhirsearch.FHIRSearch(model("Procedure"), {"patient": patient}).perform_iter(narrow.server))
        check(False, "a Procedure was read with a token for Conditions")
    except FHIRPermissionDeniedException:
        check(True, "")
    smart.server.auth.access_token = "nobody's"
    try:
        model("Patient").read(patient, smart.server)
        check(False, "nobody's token was taken")
    except FHIRUnauthorizedException:
        check(True, "")
    return total, patient


counts = [read_everything(number)[0] for number in ("9990000018", "9990000387", "9990005192")]
# The client's own backend flow, without a word of ours: a practice reads its audit trail.
_, patient = read_everything("9990000018")
audit, context = connect("sandbox-audit-backend", "system/AuditEvent.rs")
check(context["scope"] == "system/AuditEvent.rs", context["scope"])
search = fhirsearch.FHIRSearch(model("AuditEvent"), {"patient": patient, "_count": "10"})
first = next(search.perform_iter(audit.server))
check(first.entry and first.entry[0].resource.resource_type == "AuditEvent", "no AuditEvent of the reading")
print(f"fhirclient: {passed} checks, {sum(counts)} resources of {len(counts)} records read")
