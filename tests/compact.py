#!/usr/bin/env python3
"""Compacts the keyframes of whole stores, and holds the promises of `keyframe compact` against what comes of it.

    tests/compact.py SNAPCTL [FOLDER] [--long] [--seed N]

SNAPCTL is the program, FOLDER holds the corpora (`deep.sqlite.xz`, `snapctl.toml`); without it only the generated drive is
compacted. That is a drive of 2,000 operations, with `--long` one of 100,000, which takes some minutes and a gigabyte of disk.

After `compact --max-replay-ops N` each revision has to be rebuilt from a keyframe at most N operations below it, or from the
first operation, and to have the hashes and the header that it has without keyframes: a few hundred revisions at random (all of
short streams), the head, and the one before each keyframe, from where it is farthest to a base. What is read is the operations in
between and those of scope `document`, of which a rebuild of any scope reads all; scope `document` itself starts from no
keyframe.

Then the keyframes are stored as JSON and as zstd-delta by turns. Those of the generated drive have to take a twentieth of
their JSON, their rebuilds at most twice the time (medians of what rebuilds in processes of their own say of themselves), and
back in JSON each has to be what it was, byte for byte. Compacting again has to change nothing, and `verify` to be clean.

Prints what was found, and exits with 1 unless all of it holds.
"""

import argparse
import collections
import datetime
import json
import lzma
import pathlib
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile

DRIVE = "powerhouse/document-drive"
# Operations, nodes that the drive grows to, the bound, revisions at random, pairs of rebuilds that are timed.
SHORT, LONG = (2_000, 400, 20, 300, 25), (100_000, 2_500, 100, 300, 101)
# The bound for the corpus, whose keyframes are ten operations apart.
DEEP_BOUND = 50
SMALLER, SLOWER = 20, 2
SHOWN = 10

failures = []


def expect(holds, what):
    """Takes note of a promise that is not kept."""
    if not holds:
        failures.append(what)
        if len(failures) <= SHOWN:
            print(f"  NOT KEPT: {what}")


def generated(seed, operations, nodes):
    """The lines of a drive that grows to some nodes while they are renamed and moved, and is changed from then on."""
    rng = random.Random(seed)
    start = datetime.datetime(2026, 1, 1)

    def uuid():
        text = f"{rng.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"

    document = uuid()

    def line(scope, index, kind, given):
        time = (start + datetime.timedelta(milliseconds=137 * index)).isoformat(timespec="milliseconds") + "Z"
        action = {"id": uuid(), "type": kind, "scope": scope, "timestampUtcMs": time, "input": given}
        row = {"documentId": document, "documentType": DRIVE, "scope": scope, "index": index, "action": action}
        return json.dumps(row, separators=(",", ":")) + "\n"

    protocol = {"model": DRIVE, "version": 0, "documentId": document, "protocolVersions": {"base-reducer": 2}}
    yield line("document", 0, "CREATE_DOCUMENT", protocol)
    state = {
        "auth": {"version": 0, "grants": []},
        "document": {"version": 0, "hash": {"algorithm": "sha1", "encoding": "base64"}},
        "global": {"name": "", "nodes": [], "icon": None},
        "local": {"listeners": [], "triggers": [], "sharingType": "private", "availableOffline": False},
    }
    yield line("document", 1, "UPGRADE_DOCUMENT", {"fromVersion": 0, "toVersion": 1, "initialState": state})
    files, folders = [], [None]
    for index in range(operations):
        n_nodes = len(files) + len(folders) - 1
        grows = n_nodes < nodes and rng.random() < 0.8
        if grows and rng.random() < 0.25:
            folder = uuid()
            given = {"id": folder, "name": f"folder {index}", "parentFolder": rng.choice(folders)}
            folders.append(folder)
            yield line("global", index, "ADD_FOLDER", given)
        elif grows or not files:
            file = uuid()
            given = {"id": file, "name": f"report {index}", "parentFolder": rng.choice(folders)}
            files.append(file)
            yield line("global", index, "ADD_FILE", given | {"documentType": "powerhouse/budget-statement"})
        elif (what := rng.random()) < 0.6:
            given = {"id": rng.choice(files), "name": f"renamed {rng.randrange(100_000)}"}
            yield line("global", index, "UPDATE_NODE", given)
        elif what < 0.9:
            given = {"srcFolder": rng.choice(files), "targetParentFolder": rng.choice(folders)}
            yield line("global", index, "MOVE_NODE", given)
        else:
            yield line("global", index, "SET_DRIVE_NAME", {"name": f"drive {rng.randrange(1000)}"})


class Store:
    """A store, and snapctl for it."""

    def __init__(self, snapctl, path, config):
        self.snapctl, self.path, self.config = snapctl, path, config

    def run(self, *args, lines=None, codes=(0,)):
        command = [self.snapctl, "--store", self.path, "--config", self.config, *args]
        done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode not in codes:
            raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.decode()[:2000]}")
        return done.stdout

    def json(self, *args):
        return json.loads(self.run(*args, "--json"))

    def streams(self):
        """The head of each stream."""
        connection = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)
        rows = connection.execute('SELECT "documentId", "scope", "branch", max("index") FROM "Operation" GROUP BY 1, 2, 3')
        heads = {(document, scope, branch): head for document, scope, branch, head in rows}
        connection.close()
        return heads

    def keyframes(self):
        """The labels of the keyframes of each stream."""
        labels = collections.defaultdict(set)
        for keyframe in self.json("keyframe", "list"):
            labels[keyframe["document"], keyframe["scope"], keyframe["branch"]].add(keyframe["revision"])
        return labels

    def bodies(self):
        """Every keyframe in the reference's table, byte for byte."""
        connection = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)
        rows = connection.execute('SELECT "documentId", "scope", "branch", "revision", "document" FROM "Keyframe"')
        bodies = {row[:4]: hash(row[4]) for row in rows}
        connection.close()
        return bodies

    def rebuilds(self, places, *options):
        """What rebuilds of revisions say: their hashes, and how they were done."""
        asked = [{"document": d, "scope": s, "branch": b, "at": at} for (d, s, b), at in places]
        lines = "".join(json.dumps(line) + "\n" for line in asked).encode()
        shown = "[.hash, .header, .explain, .error]"
        answers = self.run("rebuild", "--batch", "--no-cache", "--explain", "--jq", shown, *options, lines=lines, codes=(0, 1))
        answers = [json.loads(line) for line in answers.decode().split("\n")[:-1]]
        if len(answers) != len(places):
            raise SystemExit(f"{len(places)} revisions were asked for, and {len(answers)} answered")
        return answers

    def elapsed(self, place):
        """How long a rebuild took by its own account, in a process of its own, in microseconds."""
        (document, scope, branch), at = place
        target = ["--scope", scope, "--branch", branch, "--at", str(at)]
        return json.loads(self.run("rebuild", document, *target, "--explain", "--jq", ".explain.elapsedUs"))


def sample(rng, heads, labels, n_random):
    """Revisions to look at: some at random, the head, and each revision before a keyframe."""
    places = set()
    for stream, head in heads.items():
        near = {label - 1 for label in labels[stream] if 0 < label <= head}
        some = range(head + 1) if head < n_random else rng.sample(range(head + 1), n_random)
        places.update((stream, at) for at in near.union(some, [head]))
    return sorted(places)


def check_bound(store, places, truth, heads, bound):
    """Compares rebuilds with the truth, and how they were done with the bound. Returns the worst distance, and how many rows
    were read at most."""
    worst = most_read = 0
    for (stream, at), ours, theirs in zip(places, store.rebuilds(places), truth):
        document, scope, branch = stream
        name = f"{document}/{scope}@{branch}:{at}"
        expect(ours[:2] == theirs[:2] and (ours[3] is None) == (theirs[3] is None), f"{name} is another with keyframes")
        if ours[3] is not None or scope == "document":
            continue
        explain = ours[2]
        distance = at - explain["base"]["revision"] if explain["base"]["kind"] == "keyframe" else at + 1
        in_document = heads.get((document, "document", branch), -1) + 1
        worst, most_read = max(worst, distance), max(most_read, explain["operationsRead"])
        expect(distance <= bound, f"{name} is {distance} operations after its base: {explain}")
        expect(explain["operationsRead"] <= bound + in_document, f"{name} reads {explain['operationsRead']} operations")
    return worst, most_read


def compact(store, *options):
    """Compacts, and again: the second run has nothing to do. Returns the totals of the first."""
    total = store.json("keyframe", "compact", *options, "--yes")["total"]
    again = store.json("keyframe", "compact", *options, "--yes")["total"]
    changes = [again[what] for what in ("written", "dropped", "recoded")]
    expect(changes == [0, 0, 0], f"compact {' '.join(options)} changes something again: {again}")
    expect(total["failedStreams"] == 0 and total["complete"], f"compact {' '.join(options)}: {total}")
    return total


def look_at(store, rng, bound, n_random):
    """Compacts a store to a bound, and checks all that has to hold of any store."""
    heads = store.streams()
    first = compact(store, "--max-replay-ops", str(bound))
    labels = store.keyframes()
    places = sample(rng, heads, labels, n_random)
    truth = store.rebuilds(places, "--no-keyframes")
    n_keyframes = sum(map(len, labels.values()))
    print(f"  {sum(heads.values()) + len(heads)} operations in {len(heads)} streams; {first['before']['keyframes']} keyframes "
          f"before, {first['written']} written, {first['dropped']} dropped, {n_keyframes} now")
    before = None
    for codec in ("json", "zstd-delta", "json"):
        total = compact(store, "--max-replay-ops", str(bound), "--codec", codec)
        worst, most_read = check_bound(store, places, truth, heads, bound)
        print(f"  {codec}: {total['after']['bytes']} bytes; {len(places)} revisions equal to those without keyframes, at most "
              f"{worst} operations after a base, {most_read} rows read")
        if codec == "json":
            bodies = store.bodies()
            expect(before in (None, bodies), "keyframes are other ones after they were compressed")
            before = bodies
        yield codec, total["after"]["bytes"], places


def check_speed(snapctl, paths, config, places, rng, n_pairs):
    """Rebuilds the same revisions from JSON and from differences, by turns, and compares the medians."""
    stores = {codec: Store(snapctl, path, config) for codec, path in paths.items()}
    times = collections.defaultdict(list)
    for place in rng.sample(places, min(n_pairs, len(places))):
        # The better of three: what else runs on the machine only makes them slower.
        for codec, store in stores.items():
            times[codec].append(min(store.elapsed(place) for _ in range(3)))
    plain, packed = (statistics.median(times[codec]) for codec in ("json", "zstd-delta"))
    print(f"  a rebuild takes {plain / 1000:.2f} ms from json, {packed / 1000:.2f} ms from zstd-delta: {packed / plain:.2f} times "
          f"(medians of {len(times['json'])} revisions)")
    expect(packed <= SLOWER * plain, f"rebuilds from zstd-delta take {packed / plain:.2f} times as long")


def check_drive(snapctl, scratch, seed, sizes):
    operations, nodes, bound, n_random, n_pairs = sizes
    rng = random.Random(seed)
    config = pathlib.Path("/dev/null")
    store = Store(snapctl, scratch / "drive.db", config)
    store.run("import", "--init", "-", lines="".join(generated(seed, operations, nodes)).encode())
    print(f"a generated drive, seed {seed}, at most {bound} operations:")
    sizes, paths = {}, {}
    for codec, size, places in look_at(store, rng, bound, n_random):
        if codec not in paths:
            sizes[codec], paths[codec] = size, scratch / f"drive-{codec}.db"
            shutil.copy(store.path, paths[codec])
    smaller = sizes["json"] / sizes["zstd-delta"]
    print(f"  zstd-delta is {smaller:.1f} times smaller")
    expect(smaller >= SMALLER, f"zstd-delta is only {smaller:.1f} times smaller")
    check_speed(snapctl, paths, config, [place for place in places if place[0][1] == "global"], rng, n_pairs)
    store.run("verify", "--anew")


def check_deep(snapctl, scratch, folder, seed, n_random):
    store = Store(snapctl, scratch / "deep.db", folder / "snapctl.toml")
    store.path.write_bytes(lzma.open(folder / "deep.sqlite.xz").read())
    before = json.loads(store.run("verify", "--json", codes=(0, 1)))
    print(f"the corpus deep, at most {DEEP_BOUND} operations:")
    sizes = {codec: size for codec, size, _ in look_at(store, random.Random(seed), DEEP_BOUND, n_random)}
    print(f"  zstd-delta is {sizes['json'] / sizes['zstd-delta']:.1f} times smaller")
    after = json.loads(store.run("verify", "--anew", "--json", codes=(0, 1)))
    # What is odd about operations stays; of keyframes nothing is.
    of_keyframes = lambda report: [found for found in report["findings"] if found["code"].startswith("KEYFRAME")]
    expect(not of_keyframes(after), f"verify finds {of_keyframes(after)}")
    others = lambda report: [(found["code"], found["count"]) for found in report["findings"]]
    expect(set(others(after)) <= set(others(before)), "verify finds more than before")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snapctl", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path, nargs="?")
    parser.add_argument("--long", action="store_true", help="a drive of 100,000 operations instead of 2,000")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    snapctl, sizes = args.snapctl.resolve(), LONG if args.long else SHORT
    with tempfile.TemporaryDirectory() as scratch:
        check_drive(snapctl, pathlib.Path(scratch), args.seed, sizes)
        if args.folder:
            check_deep(snapctl, pathlib.Path(scratch), args.folder.resolve(), args.seed, sizes[3])
        else:
            print("no folder with corpora: deep was not compacted")
    print("all of it holds" if not failures else f"{len(failures)} promises not kept")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
