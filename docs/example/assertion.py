"""What a hospital's EHR signs for one token request: a client assertion (RFC 7523, RS384) that names the clinician.

usage: assertion.py KEY.pem KID CLIENT_ID ISSUER USERNAME ODS
For a practice's audit client leave USERNAME and ODS out. Needs nothing but openssl and Python's own library; in earnest use
your platform's JWT library and keep the key in its key store.
"""
import base64
import json
import subprocess
import sys
import time
import uuid

key, kid, client, issuer, *named = sys.argv[1:]
now = int(time.time())
claims = {
    "iss": client,
    "sub": client,
    "aud": issuer + "/token",
    "iat": now,
    "exp": now + 240,  # at most five minutes ahead
    "jti": str(uuid.uuid4()),  # never twice
}
if named:
    username, ods = named
    claims["extensions"] = {
        "hl7-b2b": {
            "version": "1",
            "subject_name": username,
            "subject_id": f"{issuer}/user#{username}",
            "subject_role": "clinician",
            "organization_id": f"https://fhir.nhs.uk/Id/ods-organization-code#{ods}",
            "organization_name": ods,
            "purpose_of_use": ["http://terminology.hl7.org/CodeSystem/v3-ActReason#TREAT"],
        }
    }


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


signed = b".".join(text(json.dumps(part).encode()) for part in [{"alg": "RS384", "kid": kid, "typ": "JWT"}, claims])
signature = subprocess.run(["openssl", "dgst", "-sha384", "-sign", key], input=signed, check=True, capture_output=True).stdout
print((signed + b"." + text(signature)).decode())
