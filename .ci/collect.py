"""Fetches what the gateway emits for whole patients of every source, one resource a file, for the validator.

usage: collect.py BASE OUT
"""
import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

base, out = sys.argv[1], pathlib.Path(sys.argv[2])
fhir = base + "/fhir/r4"
out.mkdir(parents=True, exist_ok=True)


def ask(url, bearer=None, form=None, method=None, status=200):
    """The answer's JSON; anything but the expected status ends the run with what was said."""
    headers = {"Authorization": "Bearer " + bearer} if bearer else {}
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            got, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        got, body = error.code, error.read()
    if got != status:
        sys.exit(f"{url.split('?')[0]} answered {got}, not {status}: {body.decode(errors='replace')[:500]}")
    return json.loads(body) if body.startswith(b"{") else body.decode()


def token(client, user, details, scope="system/*.rs"):
    query = {"client_id": client, **({"user": user} if user else {})}
    return ask(fhir + "/token", form={
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": ask(base + "/sandbox/assertion?" + urllib.parse.urlencode(query)),
        **({"authorization_details": json.dumps([details])} if details else {}),
    })


def save(name, resource):
    (out / (name + ".json")).write_text(json.dumps(resource))


def pages(url, bearer):
    while url:
        bundle = ask(url, bearer)
        yield bundle
        url = next((link["url"] for link in bundle.get("link", []) if link["relation"] == "next"), None)


yes = {"asked": True, "answer": "yes", "told_what": True, "told_why": True, "told_may_decline": True,
       "told_meaning_of_declining": True, "voluntary": True, "capacity": True}
child = {**yes, "proxy": {"basis": "parental-responsibility", "name": "Jo Example", "relationship": "mother"},
         "child": {"asked": True, "view": "agrees"}}
override = {"reason": "unconscious", "text": "Found collapsed at home, GCS 6, no next of kin present"}
# Every format and transport; every exclusion and private entry around; a child; an override; an empty record.
people = {"9990000018": yes, "9990000387": yes, "9990000751": yes, "9990001499": yes, "9990005192": yes, "9990005567": yes,
          "9990005931": child, "9990006679": override, "9990007411": yes}
capability = ask(fhir + "/metadata")
save("metadata", capability)
kinds = [resource["type"] for resource in capability["rest"][0]["resource"] if resource["type"] != "AuditEvent"]
assert len(kinds) > 15, kinds
for nhs_number, basis in people.items():
    details = {"type": "https://openmig.org/occasion", "patient": nhs_number, "treatment": "worklist",
               "override" if basis is override else "consent": basis}
    granted = token("sandbox-backend", "hospital-doctor", details)
    bearer, patient = granted["access_token"], granted["patient"]
    resources, tabs = {}, []
    for kind in kinds:
        # The types that others only refer to have no `patient`.
        query = "_id=" + patient if kind == "Patient" else f"patient={patient}&_count=200"
        for number, bundle in enumerate(pages(f"{fhir}/{kind}?{query}", bearer)):
            if number == 0:
                save(f"{nhs_number}-bundle-{kind}", bundle)
            for entry in bundle.get("entry", []):
                resources[entry["fullUrl"]] = entry["resource"]
                if kind == "List":
                    tabs.append(entry["resource"]["id"].removeprefix(patient + "-"))
    assert len(tabs) == 10, (nhs_number, tabs)
    # A whole tab: the section Lists come only so.
    for tab in tabs:
        for bundle in pages(f"{fhir}/List?patient={patient}&code={tab}&_include=List:item", bearer):
            save(f"{nhs_number}-bundle-tab-{tab}", bundle)
            for entry in bundle["entry"]:
                resources[entry["fullUrl"]] = entry["resource"]
    for resource in resources.values():
        save(f"{nhs_number}-{resource['resourceType']}-{resource['id']}", resource)
    print(nhs_number, len(resources), "resources")
    if nhs_number == "9990000018":
        for name, path, status, method in [
            ("not-found", f"Condition/{patient}-x", 404, "GET"),
            ("invalid", f"Condition?patient={patient}&onset-date=x", 400, "GET"),
            ("read-only", "Condition", 405, "PUT"),
        ]:
            save("outcome-" + name, ask(f"{fhir}/{path}", bearer, status=status, method=method))
        save("outcome-unauthorized", ask(f"{fhir}/Patient/{patient}", status=401))
for client in ["sandbox-audit-backend", "sandbox-audit-backend-z99002"]:
    bearer = token(client, None, None, "system/AuditEvent.rs")["access_token"]
    count = 0
    for number, bundle in enumerate(pages(f"{fhir}/AuditEvent?_count=100", bearer)):
        if number == 0:
            save(f"{client}-bundle", bundle)
        for entry in bundle.get("entry", []):
            save(f"{client}-{entry['resource']['id']}", entry["resource"])
            count += 1
    assert count > 10, (client, count)
    print(client, count, "events")
