#!/usr/bin/env python3
"""Azure's identity libraries for Node and Python against hdikafka-emulator: each kind of credential by each library,
in a process of its own. What it gets must open the REST API. Prints the table.

    table.py PATH-OF-HDIKAFKA-EMULATOR NODE-MODULES    run by a Python that has the libraries
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import jwt  # a dependency of msal's
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "checks"))
from emulator_process import Emulator, check  # noqa: E402 (it lies beside)

LIMIT = 120  # seconds; far more than anything here takes
# The only folder from which these libraries read a key of Azure Arc's agent.
ARC_FOLDER = Path("/var/opt/azcmagent/tokens")
LIBRARIES = [("Node", "@azure/identity"), ("Node", "@azure/msal-node"), ("Python", "azure-identity"), ("Python", "msal")]
FLOWS = ["client secret", "certificate", "workload identity", "IMDS", "App Service", "Azure Arc"]
REFUSED = "wrong secret"
ROUTES = {"IMDS": "imds", "App Service": "app_service_identity", "Azure Arc": "arc_identity"}  # others: token
SUBJECT = "system:serviceaccount:default:exporter"
ISSUER = "https://oidc.example/cluster/"


def openssl_certificate(path):
    """A key and its certificate in one file, and the certificate alone."""
    alone = path.with_suffix(".crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=exporter",
                    "-keyout", path, "-out", alone], check=True, capture_output=True, timeout=LIMIT)
    path.write_text(path.read_text() + alone.read_text())
    return alone


def service_account_token(folder):
    """What Kubernetes puts into a pod, and the key set that its issuer publishes."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    (folder / "keys.json").write_text(json.dumps({"keys": [{**public, "kid": "cluster-key", "use": "sig"}]}))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                            serialization.NoEncryption())
    now = int(time.time())
    claims = {"aud": ["api://AzureADTokenExchange"], "iss": ISSUER, "sub": SUBJECT, "iat": now, "nbf": now,
              "exp": now + 3600}
    (folder / "token").write_text(jwt.encode(claims, pem, "RS256", {"kid": "cluster-key"}))


def environments(emulator, folder):
    """Of each flow: what its users have in their environment, and nothing else."""
    ready = emulator.ready
    identities = ready["identity_endpoint"]
    entra = {"AZURE_AUTHORITY_HOST": ready["authority_host"], "AZURE_TENANT_ID": ready["tenant"],
             "AZURE_CLIENT_ID": ready["client_id"]}
    return {
        "client secret": {**entra, "AZURE_CLIENT_SECRET": ready["client_secret"]},
        "certificate": {**entra, "AZURE_CLIENT_CERTIFICATE_PATH": str(folder / "client.pem")},
        "workload identity": {**entra, "AZURE_FEDERATED_TOKEN_FILE": str(folder / "token")},
        "IMDS": {"AZURE_POD_IDENTITY_AUTHORITY_HOST": identities},
        "App Service": {"IDENTITY_ENDPOINT": identities + "/msi/token", "IDENTITY_HEADER": "emulator-identity-header"},
        "Azure Arc": {"IDENTITY_ENDPOINT": identities + "/metadata/arc/identity/oauth2/token",
                      "IMDS_ENDPOINT": identities},
        REFUSED: {**entra, "AZURE_CLIENT_SECRET": "wrong"},
    }


class Peers:
    def __init__(self, emulator, folder, node_modules):
        self.emulator = emulator
        self.environments = environments(emulator, folder)
        ca_file = emulator.ready["ca_file"]
        self.common = {"PATH": os.environ["PATH"], "HOME": str(folder), "NODE_PATH": node_modules,
                       "NODE_EXTRA_CA_CERTS": ca_file, "REQUESTS_CA_BUNDLE": ca_file}

    def run(self, language, library, flow):
        program = ["node", HERE / "node_token.js"] if language == "Node" else [sys.executable, HERE / "python_token.py"]
        return subprocess.run([*program, library, flow], capture_output=True, text=True, timeout=LIMIT, check=False,
                              env={**self.common, **self.environments[flow]})

    def cell(self, language, library, flow):
        """"ok", or what it said."""
        self.emulator.request("POST", "/emulator/forget_calls", "{}", **{"Content-Type": "application/json"})
        run = self.run(language, library, flow)
        counts = self.emulator.request("GET", "/emulator/counts")[1]
        if not counts[ROUTES.get(flow, "token")]:
            return f"it asked elsewhere, {counts}: {run.stdout}{run.stderr}"
        if flow == REFUSED:
            refused = run.returncode == 1 and "AADSTS7000215" in run.stdout + run.stderr
            return "refused" if refused else f"status {run.returncode}: {run.stdout}{run.stderr}"
        if run.returncode:
            return f"status {run.returncode}: {run.stderr}"
        status, answer = self.emulator.request("GET", "/v1/metadata/topics",
                                               Authorization="Bearer " + run.stdout.strip())
        return "ok" if (status, answer) == (200, {"topics": ["orders"]}) else f"its token got {status}: {answer}"


def versions(node_modules):
    for language, library in LIBRARIES:
        manifest = Path(node_modules, library, "package.json")
        number = json.loads(manifest.read_text())["version"] if language == "Node" else version(library)
        yield language, library, f"{language}, {library} {number}"


def table(peers, node_modules):
    bad = []
    rows = [["", *FLOWS, REFUSED]]
    for language, library, title in versions(node_modules):
        row = [title]
        for flow in (*FLOWS, REFUSED):
            said = peers.cell(language, library, flow)
            good = said == ("refused" if flow == REFUSED else "ok")
            row.append(said if good else "FAILED")
            if not good:
                bad.append(f"{title}, {flow}: {said}")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows)]
    print("== which library gets which token")
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    check(not bad, "\n".join(["not all of them work:", *bad]))
    return len(LIBRARIES) * len(FLOWS)


def main(program, node_modules):
    made = [each for each in (ARC_FOLDER, *ARC_FOLDER.parents) if not each.exists()]
    try:
        ARC_FOLDER.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        sys.exit(f"table.py: Azure Arc's folder cannot be made, which takes root: {failure}")
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            alone = openssl_certificate(folder / "client.pem")
            service_account_token(folder)
            emulator = Emulator(
                program, "--topic", "orders", "--admin", "--managed-identity", "--client-certificates", alone,
                "--federated-issuer", ISSUER, "--federated-subject", SUBJECT, "--federated-keys", folder / "keys.json",
                "--arc-key-file", ARC_FOLDER / f"hdikafka-{os.getpid()}.key", identities=True)
            try:
                cells = table(Peers(emulator, folder, node_modules), node_modules)
            finally:
                emulator.end(signal.SIGTERM)
    finally:
        for each in made:
            each.rmdir()
    print(f"identity.sh: {cells} tokens of Azure's libraries accepted, {len(LIBRARIES)} wrong secrets refused")


main(*sys.argv[1:])
