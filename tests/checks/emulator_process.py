"""hdikafka-emulator as a child process, for the checks of this folder, and requests to it in Python."""
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import urllib.parse
from pathlib import Path

MEMBERS = ["endpoint", "authority_host", "ca_file", "tenant", "client_id", "client_secret"]
LIMIT = 60  # seconds; far more than anything here takes


def check(condition, what):
    if not condition:
        sys.exit(f"{Path(sys.argv[0]).name}: {what}")


def environment(emulator=None):
    """Without a cluster's address, or with the emulator's."""
    mine = re.compile("HDIKAFKA_|AZURE_|SSL_CERT_|IDENTITY_|IMDS_|MSI_")
    out = {name: value for name, value in os.environ.items() if not mine.match(name)}
    if emulator:
        out.update(HDIKAFKA_ENDPOINT=emulator.ready["endpoint"], AZURE_TENANT_ID=emulator.ready["tenant"],
                   AZURE_CLIENT_ID=emulator.ready["client_id"],
                   AZURE_CLIENT_SECRET=emulator.ready["client_secret"],
                   AZURE_AUTHORITY_HOST=emulator.ready["authority_host"],
                   SSL_CERT_FILE=emulator.ready["ca_file"])
    return out


class Emulator:
    def __init__(self, program, *options, identities=False, log=None):
        self.process = subprocess.Popen(
            [program, "--listen", "127.0.0.1:0", *options], stdout=subprocess.PIPE, stderr=log, text=True)
        self.ready = json.loads(self.process.stdout.readline())
        members = MEMBERS + ["identity_endpoint"] * identities
        check(list(self.ready) == members, f"the ready line has the members {list(self.ready)}")
        self.trust = ssl.create_default_context(cafile=self.ready["ca_file"])

    def connect(self):
        address = urllib.parse.urlsplit(self.ready["endpoint"])
        return http.client.HTTPSConnection(
            address.hostname, address.port, context=self.trust, timeout=LIMIT)

    def request(self, method, path, body=None, **fields):
        return self.exchange(self.connect(), method, path, body, fields)

    def identity_request(self, path, **query):
        """What a program that runs in Azure asks; its fields are those of all the endpoints."""
        address = urllib.parse.urlsplit(self.ready["identity_endpoint"])
        check(address.scheme == "http", "the identity endpoint has TLS")
        query["resource"] = "https://hib.azurehdinsight.net"
        return self.exchange(
            http.client.HTTPConnection(address.hostname, address.port, timeout=LIMIT), "GET",
            f"{path}?{urllib.parse.urlencode(query)}", None,
            {"Metadata": "true", "X-IDENTITY-HEADER": "from the environment"})

    @staticmethod
    def exchange(connection, method, path, body, fields):
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        return answer.status, content

    def token(self):
        form = urllib.parse.urlencode({
            "grant_type": "client_credentials",
            "client_id": self.ready["client_id"],
            "client_secret": self.ready["client_secret"],
            "scope": "https://hib.azurehdinsight.net/.default",
        })
        status, answer = self.request(
            "POST", f"/{self.ready['tenant']}/oauth2/v2.0/token", form,
            **{"Content-Type": "application/x-www-form-urlencoded"})
        check(status == 200, f"the token request was answered with {status}: {answer}")
        return answer

    def produce(self, topic, values, partition=None):
        """Values, or (key, value) pairs."""
        token = self.token()["access_token"]
        to = {} if partition is None else {"partition": partition}
        pairs = [value if isinstance(value, tuple) else (None, value) for value in values]
        body = {"records": [{**({} if key is None else {"key": key}), "value": value, **to} for key, value in pairs]}
        # Over several lines, as JSON may be: a value that is no scalar then has line breaks in it.
        status, answer = self.request("POST", f"/v1/producer/topics/{topic}", json.dumps(body, indent=1),
                                      Authorization="Bearer " + token, **{"Content-Type": "application/json"})
        check(status == 200, f"the produce was answered with {status}: {answer}")

    def end(self, number):
        self.process.send_signal(number)
        check(self.process.wait(LIMIT) == 0, f"{number!r} ended it with {self.process.returncode}")
        check(self.process.stdout.read() == "", "there is more than the ready line")
