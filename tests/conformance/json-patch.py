#!/usr/bin/env python3
"""Holds the model json-patch against the public suite of RFC 6902 (the npm package json-patch-test-suite).

    tests/conformance/json-patch.py SNAPCTL

SNAPCTL is the program, for example target/release/snapctl. The suite is installed next to this file with `npm ci`, from
the lock file. Each of its cases becomes a document in a store: its first operation makes the case's document, its second
is the case's patch. The program rebuilds both, and says what became of the second. A case that names an error has to
fail and leave the document as it was; any other has to work, and to give what is expected. Cases that the suite itself
disables are counted, and nothing else is left out.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "fixtures"))

from generate import compact, made_up_uuid, write_store  # noqa: E402

FILES = ["tests.json", "spec_tests.json"]
TIMES = ["2025-01-01T00:00:00.000Z", "2025-01-01T00:00:01.000Z"]


def install():
    """The folder of the suite."""
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=HERE, check=True)
    return HERE / "node_modules" / "json-patch-test-suite"


def cases(suite):
    """All cases, each with a name that is its own."""
    for file in FILES:
        for number, case in enumerate(json.loads((suite / file).read_text(encoding="utf-8"))):
            yield f"{file}:{number}", case


def operations(name, case):
    """The rows of a document."""
    for index, patch in enumerate([[{"op": "add", "path": "", "value": case["doc"]}], case["patch"]]):
        action = {"id": f"{name}/{index}", "type": "PATCH", "scope": "global", "timestampUtcMs": TIMES[index], "input": patch}
        yield {
            "table": "Operation", "jobId": made_up_uuid(name, index), "opId": f"{name}/{index}", "prevOpId": "",
            "writeTimestampUtcMs": TIMES[index], "documentId": name, "documentType": "json-patch", "scope": "global",
            "branch": "main", "timestampUtcMs": TIMES[index], "index": index, "action": compact(action), "skip": 0,
            "error": None, "hash": "", "deniedReason": None,
        }


def run(snapctl, store, arguments, stdin=""):
    """The lines of JSON that the program answers with."""
    command = [snapctl, "--store", store, "--ndjson", *arguments]
    done = subprocess.run(command, input=stdin.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def same(left, right):
    """Whether two values are one in JSON, where 1 is 1.0 and not true."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def fault(case, before, after, error):
    """What is wrong with an answer, or nothing."""
    if not same(before, case["doc"]):
        return f"the document is {compact(before)}"
    if "error" in case:
        if error is None:
            return f"it works, and gives {compact(after)}"
        return None if same(after, before) else f"it fails ({error}), and leaves {compact(after)}"
    if error is not None:
        return f"it fails: {error}"
    return None if same(after, case.get("expected", after)) else f"it gives {compact(after)}"


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    snapctl = pathlib.Path(sys.argv[1]).resolve()
    every = list(cases(install()))
    enabled = [(name, case) for name, case in every if not case.get("disabled")]
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        store = pathlib.Path(folder) / "suite.sqlite"
        write_store(store, [row for name, case in enabled for row in operations(name, case)])
        asked = "".join(compact({"document": name, "scope": "global", "at": at}) + "\n" for name, _ in enabled for at in (0, 1))
        states = [answer["state"]["global"] for answer in run(snapctl, store, ["rebuild", "--batch"], asked)]
        for number, (name, case) in enumerate(enabled):
            [_, outcome] = run(snapctl, store, ["log", "--patch", "--scope", "global", name])
            found = fault(case, *states[2 * number : 2 * number + 2], outcome["replayError"])
            if found:
                faults.append(f"{name} ({case.get('comment', case.get('error', ''))}): {compact(case['patch'])}: {found}")
    disabled = [f"disabled by the suite: {name} ({case.get('comment', '')})" for name, case in every if case.get("disabled")]
    total = f"json-patch: {len(enabled) - len(faults)} of {len(enabled)} cases pass; {len(disabled)} are disabled"
    print("\n".join([*disabled, *faults, total]))
    return 0 if enabled and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
