#!/usr/bin/env python3
"""Rebuilds every recorded revision of the corpora and compares it with the reference's answer.

    tests/corpora.py SNAPCTL FOLDER [CORPUS ...]

SNAPCTL is the program, FOLDER holds the corpora (`NAME.sqlite.gz` or `.xz`, `NAME.states.jsonl.gz`, `snapctl.toml`).
Each corpus is answered by one `rebuild --batch` per way of using keyframes. Compared are the scope's state and hash,
the hashes of all scopes, and every recorded field of the header; where the reference fails, snapctl has to fail, too.
With `--as-reactor` the answers are those that the reference gives with its keyframes: where `NAME.keyframe-diff.jsonl.gz`
has a position, what that says instead (a hash, an error text, the scopes and header fields that differ), and the answer
from scratch everywhere else. Prints `equal N of M` for each run, and exits with 1 unless every N is its M.
"""

import gzip
import json
import lzma
import pathlib
import subprocess
import sys
import tempfile

# Only the models that are built in can be replayed.
MODELS = {"powerhouse/document-drive", "powerhouse/document-model"}
# With the tiers, states go on from each other; without, each is rebuilt alone.
WAYS = [[], ["--no-cache"], ["--no-cache", "--no-keyframes"], ["--no-cache", "--trust", "hashed"]]
AS_REACTOR = ["--as-reactor"]
# Here operations were changed after their hashes were recorded, which is just what `hashed` does not look for.
NOT_HASHED = {"tampered"}
SHOWN = 10


def same(ours, theirs):
    """Equality of JSON values as JavaScript has it: numbers are doubles."""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return float(ours) == float(theirs)
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


def unpack(folder, name, into):
    """Unpacks a store, and returns its path."""
    for suffix, module in ((".gz", gzip), (".xz", lzma)):
        packed = folder / f"{name}.sqlite{suffix}"
        if packed.exists():
            store = pathlib.Path(into) / f"{name}.sqlite"
            store.write_bytes(module.open(packed).read())
            return store
    raise SystemExit(f"{folder} has no store {name}")


def expected(folder, name):
    """The recorded answers that this program has to give, and how many are left out."""
    with gzip.open(folder / f"{name}.states.jsonl.gz", "rt", encoding="utf-8") as lines:
        answers = [json.loads(line) for line in lines]
    within = [answer for answer in answers if not answer.get("beyondHead")]
    kept = [answer for answer in within if answer.get("documentType", "powerhouse/document-drive") in MODELS]
    return kept, len(within) - len(kept)


def request(answer):
    line = {"document": answer["documentId"], "scope": answer["scope"], "branch": answer["branch"]}
    if answer["revision"] is not None:
        line["at"] = answer["revision"]
    return json.dumps(line)


def keyframe_differences(folder, name):
    """By position, what the reference's answer with keyframes has instead of the one without."""
    with gzip.open(folder / f"{name}.keyframe-diff.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {position(line): line for line in map(json.loads, lines)}


def position(answer):
    return answer["documentId"], answer["scope"], answer["branch"], answer["revision"]


def error_text(recorded, document):
    """A recorded error as snapctl says it: without the name of its class, and without what is wrapped around a model that
    is missing, which snapctl says in the same words wherever it is missed."""
    text = recorded.split(": ", 1)[1]
    wrapped = f"Failed to rebuild document {document}: "
    missing = wrapped + "Document model module not found"
    return text.removeprefix(wrapped) if text.startswith(missing) else text


def difference_with_keyframes(ours, answer, recorded):
    """What differs from the reference's answer with keyframes, or None; `recorded` says how that differs from `answer`."""
    if recorded is None:
        return difference(ours, answer)
    if recorded.get("withError") is not None:
        wanted = error_text(recorded["withError"], answer["documentId"])
        if "error" not in ours:
            return f"rebuilt, where the reference fails: {wanted[:200]}"
        message = ours["error"]["message"]
        return None if message == wanted or message.endswith(f": {wanted}") else f"failed: {message} instead of {wanted}"
    if "error" in ours:
        return f"failed: {ours['error']['message']}"
    if "withoutError" in recorded:
        # What the reference answers here instead of its error was not recorded.
        return None
    scope = answer["scope"]
    hashes = dict(answer["scopeHashes"], **{scope: recorded.get("hashWith", answer["hash"])})
    header = {field["field"]: field["with"] for field in recorded.get("header", [])}
    elsewhere = set(recorded.get("otherScopes", []))
    for other, wanted in hashes.items():
        differs = ours["hash"].get(other) != wanted
        if differs != (other in elsewhere):
            return f"hash of scope {other}: {ours['hash'].get(other)}, which should {'not ' * differs}be another than {wanted}"
    with_keyframe = dict(answer, header=dict(answer["header"], **header))
    return header_difference(ours, with_keyframe)


def difference(ours, answer):
    """What differs, or None."""
    if "error" in answer:
        return None if "error" in ours else f"rebuilt, where the reference fails: {str(answer['error'])[:200]}"
    if "error" in ours:
        return f"failed: {ours['error']['message']}"
    scope = answer["scope"]
    if answer.get("stateMissing"):
        if scope in ours["state"]:
            return "has a state, where the reference has none"
    elif not same(ours["state"].get(scope), answer["state"]):
        return "another state"
    if ours["hash"].get(scope) != answer["hash"]:
        return f"hash {ours['hash'].get(scope)} instead of {answer['hash']}"
    for other, recorded in answer["scopeHashes"].items():
        if ours["hash"].get(other) != recorded:
            return f"hash of scope {other}: {ours['hash'].get(other)} instead of {recorded}"
    return header_difference(ours, answer)


def header_difference(ours, answer):
    """Which recorded field of the header differs, or None."""
    for field, recorded in answer["header"].items():
        # Null stands for the wall clock of the recording.
        wall_clock = field == "createdAtUtcIso" and recorded is None
        if not wall_clock and not same(ours["header"].get(field), recorded):
            return f"header.{field}: {ours['header'].get(field)} instead of {recorded}"
    return None


def run(snapctl, folder, store, way, answers, check=difference):
    """Asks for all answers at once, and yields what differs for each."""
    command = [snapctl, "--store", store, "--config", folder / "snapctl.toml", "rebuild", "--batch", *way]
    lines = "".join(request(answer) + "\n" for answer in answers)
    done = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr.decode()[:2000]}")
    # Not splitlines(), which also splits at line separators inside of texts.
    results = done.stdout.decode().split("\n")[:-1]
    if len(results) != len(answers):
        raise SystemExit(f"{command} answered {len(results)} of {len(answers)} lines: {done.stderr.decode()[:2000]}")
    for result, answer in zip(results, answers):
        yield check(json.loads(result), answer)


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    snapctl, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    names = sys.argv[3:] or sorted(path.name.removesuffix(".states.jsonl.gz") for path in folder.glob("*.states.jsonl.gz"))
    total = equal = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            store = unpack(folder, name, scratch)
            answers, left_out = expected(folder, name)
            recorded = keyframe_differences(folder, name)
            compare = lambda ours, answer: difference_with_keyframes(ours, answer, recorded.get(position(answer)))
            for way in [*WAYS, AS_REACTOR]:
                if "hashed" in way and name in NOT_HASHED:
                    continue
                check = compare if way == AS_REACTOR else difference
                differences = list(run(snapctl, folder, store, way, answers, check))
                good = differences.count(None)
                options = " ".join(way) or "default trust"
                print(f"{name} ({options}): equal {good} of {len(answers)}, {left_out} of other document types left out")
                shown = [(answer, text) for answer, text in zip(answers, differences) if text is not None]
                for answer, text in shown[:SHOWN]:
                    target = f"{answer['documentId']}/{answer['scope']}@{answer['branch']}:{answer['revision']}"
                    print(f"  {target}: {text}")
                if len(shown) > SHOWN:
                    print(f"  and {len(shown) - SHOWN} more")
                total, equal = total + len(answers), equal + good
    print(f"equal {equal} of {total}")
    return 0 if equal == total and total > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
