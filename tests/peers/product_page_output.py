"""What the product page's sample printed: every step in its order, and back what was produced."""
import ast
import json
import re
import sys

STEPS = [
    "Access token: ", "Topic hello_topic_", "is not visible yet", "Payloads in a Producer request:",
    "Consuming 2 messages from offset 0", "Consumed messages:", "Consumer caught up with producer",
    "Fetching partitions from", "Partition list:", "Fetching metadata of a partition", "Partition metadata:",
]


def json_after(text, label):
    """The JSON documents that stand behind a label."""
    decoder = json.JSONDecoder()
    return [decoder.raw_decode(text, match.end())[0] for match in re.finditer(re.escape(label) + r"\s*", text)]


def main(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    position = 0
    for step in STEPS:
        position = text.find(step, position)
        if position < 0:
            sys.exit(f"missing, or not in its place: {step}")
    if re.search(r"^Error \d", text, re.MULTILINE):
        sys.exit("a step failed")
    payload = ast.literal_eval(text.split("Payloads in a Producer request:")[1].strip().splitlines()[0])
    produced = [record["value"] for record in payload["records"]]
    consumed = [record["value"] for answer in json_after(text, "Consumed messages:") for record in answer["records"]]
    if len(produced) != 6 or produced != consumed:
        sys.exit(f"produced {produced}\nconsumed {consumed}")
    topic = re.search(r"Topic (hello_topic_\w+)", text).group(1)
    print(f"{len(consumed)} records of {topic} came back as they were produced, in {len(STEPS)} steps")


main(sys.argv[1])
