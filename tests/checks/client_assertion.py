#!/usr/bin/env python3
"""Verifies the library's client assertions with nothing of the library: this file's own reading of JWT, and the
openssl command for certificates and signatures.

identity_assertion_test writes one assertion of each form and the certificates. Each assertion must be exactly what
Entra asks for; then each is changed in many ways, and every change has to be seen.

    client_assertion.py PATH-OF-CLIENT_ASSERTION_TEST PATH-OF-OPENSSL
"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT = 60  # seconds; far more than anything here takes
CASE = "assertions of every form for another verifier"
FORMS = ["PS256", "PS256-chain", "RS256", "RS256-chain"]
CLAIMS = {
    "aud": "https://login.example/contoso/oauth2/v2.0/token",
    "iss": "id-1",
    "sub": "id-1",
    "jti": "5d0a7d39-8f44-4a3c-9b5e-0d5ad2a4e6b1",
    "nbf": 1700000000,
    "iat": 1700000000,
    "exp": 1700000600,
}
PSS = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-sigopt", "rsa_mgf1_md:sha256"]


class Refused(Exception):
    """What is wrong with an assertion."""


def require(condition, what):
    if not condition:
        raise Refused(what)


def openssl(*arguments, may_fail=False):
    run = subprocess.run([sys.argv[2], *arguments], capture_output=True, timeout=LIMIT, check=False)
    if run.returncode and not may_fail:
        sys.exit(f"openssl {arguments[0]}: {run.stderr.decode()}")
    return run


def decode(part):
    require(re.fullmatch(r"[A-Za-z0-9_-]+", part), "a part is not base64url without padding")
    decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    require(encode(decoded) == part, "a part has stray bits")
    return decoded


def encode(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def read_json(content):
    def once(pairs):
        require(len({name for name, _ in pairs}) == len(pairs), "a member stands twice")
        return dict(pairs)

    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=once)
    except ValueError as problem:
        raise Refused(f"not JSON: {problem}") from problem


class Verifier:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.public = self.folder / "public.pem"
        self.public.write_bytes(openssl("x509", "-in", self.folder / "leaf.pem", "-noout", "-pubkey").stdout)
        self.chain = [openssl("x509", "-in", self.folder / f"{name}.pem", "-outform", "DER").stdout
                      for name in ("leaf", "intermediate", "root")]

    def verify(self, jwt, form):
        parts = jwt.split(".")
        require(len(parts) == 3, "not three parts")
        header, claims, signature = (decode(part) for part in parts)
        algorithm = form[:5]
        expected = {"alg": algorithm, "typ": "JWT"}
        if algorithm == "PS256":
            expected["x5t#S256"] = encode(hashlib.sha256(self.chain[0]).digest())
        else:
            expected["x5t"] = encode(hashlib.sha1(self.chain[0]).digest())
        if form.endswith("-chain"):
            expected["x5c"] = [base64.b64encode(der).decode() for der in self.chain]
        require(read_json(header) == expected, "another header")
        claims = read_json(claims)
        require(claims == CLAIMS, "other claims")
        require(all(type(claims[name]) is int for name in ("nbf", "iat", "exp")), "a time is no integer")

        text, signed = self.folder / "text", self.folder / "signature"
        text.write_text(".".join(parts[:2]), encoding="ascii")
        signed.write_bytes(signature)
        run = openssl("dgst", "-sha256", "-verify", self.public, "-signature", signed,
                      *(PSS if algorithm == "PS256" else []), text, may_fail=True)
        require(run.returncode == 0 and run.stdout.strip() == b"Verified OK", "another signature")


def changed(jwt, form):
    """The assertion with one thing changed, and what has to be said about it."""
    header, claims, signature = jwt.split(".")
    for at in (0, len(signature) // 2, len(signature) - 3):
        other = "A" if signature[at] != "A" else "B"
        yield f"{header}.{claims}.{signature[:at]}{other}{signature[at + 1:]}", "another signature"
    plain = json.loads(decode(claims))
    for name in CLAIMS:
        for value in ("other", None, 1700000000.5):
            yield f"{header}.{encode(json.dumps({**plain, name: value}).encode())}.{signature}", "other claims"
        fewer = {key: plain[key] for key in plain if key != name}
        yield f"{header}.{encode(json.dumps(fewer).encode())}.{signature}", "other claims"
    yield f"{header}.{encode(json.dumps({**plain, 'nbf': 1.7e9}).encode())}.{signature}", "a time is no integer"
    yield f"{header}.{encode(json.dumps(plain, indent=1).encode())}.{signature}", "another signature"
    head = json.loads(decode(header))
    for name in head:
        fewer = {key: head[key] for key in head if key != name}
        yield f"{encode(json.dumps(fewer).encode())}.{claims}.{signature}", "another header"
    if form.endswith("-chain"):
        turned = {**head, "x5c": head["x5c"][::-1]}
        yield f"{encode(json.dumps(turned).encode())}.{claims}.{signature}", "another header"
    yield f"{header}.{claims}.{signature}==", "not base64url"
    yield f"{header}.{claims}", "not three parts"
    twice = decode(claims).replace(b'{"aud"', b'{"aud":"x","aud"')
    yield f"{header}.{encode(twice)}.{signature}", "twice"


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([program, f"--test-case={CASE}"], capture_output=True, text=True, timeout=LIMIT,
                             check=False, env={**os.environ, "HDIKAFKA_ASSERTIONS": folder})
        if run.returncode:
            sys.exit(f"the test program failed:\n{run.stdout}{run.stderr}")
        verifier, refusals = Verifier(folder), 0
        for form in FORMS:
            jwt = Path(folder, f"{form}.jwt").read_text(encoding="ascii")
            verifier.verify(jwt, form)
            # The same signature under the other algorithm's rules, and every change, must be seen.
            others = [(jwt, other, "another header") for other in FORMS if other != form]
            others += [(bad, form, why) for bad, why in changed(jwt, form)]
            for bad, as_form, why in others:
                try:
                    verifier.verify(bad, as_form)
                except Refused as refusal:
                    if why not in str(refusal):
                        sys.exit(f"{form}: expected '{why}', found '{refusal}'")
                    refusals += 1
                else:
                    sys.exit(f"{form}: a changed assertion passed ({why}):\n{bad}")
        # openssl itself must hold the two paddings and the salt's length apart, or it has verified nothing.
        for form, options in (("PS256", []), ("RS256", PSS), ("PS256", PSS[:3] + ["rsa_pss_saltlen:20"] + PSS[4:])):
            parts = Path(folder, f"{form}.jwt").read_text(encoding="ascii").split(".")
            Path(folder, "text").write_text(".".join(parts[:2]), encoding="ascii")
            Path(folder, "signature").write_bytes(decode(parts[2]))
            if openssl("dgst", "-sha256", "-verify", verifier.public, "-signature", Path(folder, "signature"),
                       *options, Path(folder, "text"), may_fail=True).returncode == 0:
                sys.exit(f"openssl takes {form} with {options}")
    print(f"{len(FORMS)} assertions verified, {refusals} changes of them seen")


try:
    main(sys.argv[1])
except Refused as problem:
    sys.exit(f"client_assertion.py: {problem}")
