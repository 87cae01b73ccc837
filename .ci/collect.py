"""Fetches what the gateway emits for two whole patients, one resource a file, for the validator.

usage: collect.py BASE OUT
"""
import json
import pathlib
import sys
import urllib.parse
import urllib.request

base, out = sys.argv[1], pathlib.Path(sys.argv[2])
fhir = base + "/fhir/r4"
out.mkdir(parents=True, exist_ok=True)


def get(url, token=None):
    headers = {"Authorization": "Bearer " + token} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return json.load(answer)


def token(client, user, details, scope="system/*.rs"):
    query = {"client_id": client, **({"user": user} if user else {})}
    with urllib.request.urlopen(base + "/sandbox/assertion?" + urllib.parse.urlencode(query)) as answer:
        assertion = answer.read().decode()
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
        **({"authorization_details": json.dumps([details])} if details else {}),
    }
    request = urllib.request.Request(fhir + "/token", urllib.parse.urlencode(form).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def save(name, resource):
    (out / (name + ".json")).write_text(json.dumps(resource))


def pages(url, bearer):
    while url:
        bundle = get(url, bearer)
        yield bundle
        url = next((link["url"] for link in bundle.get("link", []) if link["relation"] == "next"), None)


yes = {"asked": True, "answer": "yes", "told_what": True, "told_why": True, "told_may_decline": True,
       "told_meaning_of_declining": True, "voluntary": True, "capacity": True}
kinds = ["AllergyIntolerance", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "Flag",
         "Immunization", "List", "MedicationRequest", "MedicationStatement", "Observation", "Organization", "Patient",
         "Practitioner", "Procedure", "ServiceRequest", "Specimen", "Consent"]
capability = get(fhir + "/metadata")
save("metadata", capability)
for nhs_number in ["9990000018", "9990000387", "9990005192", "9990005567", "9990006679"]:
    details = {"type": "https://openmig.org/occasion", "patient": nhs_number, "treatment": "worklist"}
    if nhs_number == "9990006679":
        details["override"] = {"reason": "unconscious", "text": "Found collapsed at home, GCS 6, no next of kin present"}
    else:
        details["consent"] = yes
    granted = token("sandbox-backend", "hospital-doctor", details)
    bearer, patient = granted["access_token"], granted["patient"]
    count = 0
    for kind in kinds:
        if kind == "Consent" and "override" in details:
            continue
        for number, bundle in enumerate(pages(f"{fhir}/{kind}?patient={patient}&_count=200", bearer)):
            for entry in bundle.get("entry", []):
                resource = entry["resource"]
                save(f"{nhs_number}-{resource['resourceType']}-{resource.get('id', number)}", resource)
                count += 1
            if kind in ("List", "Patient"):
                save(f"{nhs_number}-bundle-{kind}-{number}", bundle)
    print(nhs_number, count, "resources")
for client in ["sandbox-audit-backend", "sandbox-audit-backend-z99002"]:
    bearer = token(client, None, None, "system/AuditEvent.rs")["access_token"]
    for bundle in pages(f"{fhir}/AuditEvent?_count=100", bearer):
        for entry in bundle.get("entry", []):
            save(f"{client}-{entry['resource']['id']}", entry["resource"])
