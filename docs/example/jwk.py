"""An RSA private key in PEM as a JSON Web Key, with nothing but openssl and Python's own library.

usage: jwk.py KEY.pem KID ALG            the private JWK
       jwk.py KEY.pem KID ALG --public   the public key set (JWKS)
"""
import base64
import json
import subprocess
import sys


def integers(der):
    """Every INTEGER of a key, in order; SEQUENCE and OCTET STRING are opened."""
    while der:
        tag, length, at = der[0], der[1], 2
        if length & 0x80:
            count = length & 0x7F
            length, at = int.from_bytes(der[2:2 + count], "big"), 2 + count
        body, der = der[at:at + length], der[at + length:]
        if tag == 0x02:
            yield body.lstrip(b"\0")
        elif tag in (0x30, 0x04):
            yield from integers(body)


def text(number):
    return base64.urlsafe_b64encode(number).rstrip(b"=").decode()


path, kid, algorithm = sys.argv[1:4]
der = subprocess.run(["openssl", "pkey", "-in", path, "-outform", "DER"], check=True, capture_output=True).stdout
# Version numbers come first: of the key, and of PKCS#8 where openssl wraps it so.
members = list(integers(der))[-8:]
key = {"kty": "RSA", "kid": kid, "alg": algorithm, "use": "sig"}
key.update(zip(["n", "e", "d", "p", "q", "dp", "dq", "qi"], map(text, members)))
if "--public" in sys.argv:
    print(json.dumps({"keys": [{name: key[name] for name in ["kty", "kid", "alg", "use", "n", "e"]}]}))
else:
    print(json.dumps(key))
