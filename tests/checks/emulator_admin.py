#!/usr/bin/env python3
"""Breaks hdikafka-emulator from outside, by requests, as a test in any language would; and reads its log.

    emulator_admin.py PATH-OF-HDIKAFKA-EMULATOR
"""
import http.client
import json
import signal
import subprocess
import sys
import tempfile
import urllib.parse

from emulator_process import LIMIT, Emulator, check

RESOURCE = {"resource": "https://hib.azurehdinsight.net", "api-version": "2018-02-01", "bad": "a secret"}


class Admin:
    def __init__(self, program, *options, log=None):
        self.emulator = Emulator(program, "--admin", "--topic", "orders", *options, log=log)

    def tell(self, action, wanted=200, **members):
        status, answer = self.emulator.request("POST", "/emulator/" + action, json.dumps(members),
                                               **{"Content-Type": "application/json"})
        check(status == wanted, f"{action} {members} was answered with {status}: {answer}")
        return answer

    def see(self, what):
        status, answer = self.emulator.request("GET", "/emulator" + what)
        check(status == 200, f"{what} was answered with {status}: {answer}")
        return answer

    def ask(self, path, token):
        return self.emulator.request("GET", path, Authorization="Bearer " + token)


def broken_by_requests(program):
    admin = Admin(program)
    token = admin.emulator.token()["access_token"]
    topics = "/v1/metadata/topics"
    read = "/v1/consumer/topics/orders/partitions/0/offsets/"
    check(admin.ask(topics, token)[0] == 200, "topics cannot be listed")

    admin.tell("inject", fault="answer", status=429, on="topics", retry_after=3)
    check(admin.ask(topics, token)[0] == 429 and admin.ask(topics, token)[0] == 200, "one request is throttled")
    admin.tell("inject", fault="drop_answer", on="topics")
    try:
        check(False, f"an answer came: {admin.ask(topics, token)}")
    except (http.client.RemoteDisconnected, ConnectionError):
        pass

    for number in range(3):
        check(admin.tell("append", topic="orders", value={"n": number})["offset"] == number, "offsets count up")
    check([record["value"] for record in admin.ask(read + "0?count=9", token)[1]["records"]] ==
          [{"n": 0}, {"n": 1}, {"n": 2}], "the records are not those that were appended")
    admin.tell("trim", topic="orders", partition=0, offset=2, after={"route": "consume", "requests": 2})
    check([admin.ask(read + "0?count=9", token)[0] for _ in range(3)] == [200, 200, 400],
          "retention comes behind the second read")

    admin.tell("forget_calls")
    admin.tell("expire_tokens")
    check(admin.ask(topics, token)[0] == 401, "an expired token is good")
    calls = admin.see("/calls")["calls"]
    check([(call["route"], call["status"]) for call in calls] == [("topics", 401)], f"the calls are {calls}")
    check(admin.see("/counts")["topics"] == 1, "requests are counted")

    answer = admin.tell("trim", wanted=400, topic="orders", partition="0", offset=1)
    check("'partition' must be an integer" in answer["message"], f"a wrong type is told as {answer}")
    answer = admin.tell("inject", wanted=400, fault="answer", statsu=500)
    check("'statsu' is not known here" in answer["message"], f"a wrong name is told as {answer}")
    check("trim" in admin.see("")["actions"], "there is no overview")
    admin.emulator.end(signal.SIGTERM)


def only_on_request(program):
    emulator = Emulator(program)
    check(emulator.request("GET", "/emulator")[0] == 404, "the emulator listens without --admin")
    emulator.end(signal.SIGTERM)
    run = subprocess.run([program, "--admin", "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=LIMIT,
                         check=False)
    check(run.returncode == 2 and "loopback" in run.stderr, f"everybody may break it: {run.stderr}")


def log(program):
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        admin = Admin(program, "--log", log=file)
        emulator = admin.emulator
        admin.see("/calls")  # are no requests to the service: the log has none of them
        token = emulator.token()["access_token"]
        admin.ask("/v1/consumer/topics/orders/partitions/0/offsets/0?count=9", token)
        tenant, secret = emulator.ready["tenant"], emulator.ready["client_secret"]
        emulator.request("POST", f"/{tenant}/oauth2/v2.0/token?client_secret={secret}", "")
        admin.ask("/nothing?" + urllib.parse.urlencode(RESOURCE), token)
        emulator.end(signal.SIGTERM)
        file.seek(0)
        lines = file.read().splitlines()
    check(lines == [f"token #2 POST /{tenant}/oauth2/v2.0/token 200",
                    "consume #3 GET /v1/consumer/topics/orders/partitions/0/offsets/0?count=9 200",
                    f"token #4 POST /{tenant}/oauth2/v2.0/token 400", "other #5 GET /nothing 404"],
          f"the log is {lines}")


broken_by_requests(sys.argv[1])
only_on_request(sys.argv[1])
log(sys.argv[1])
print("faults, events and the log of the program are what was asked for")
