#!/usr/bin/env python3
"""Appends what the reference has stored once more, and compares the rows.

    tests/corpora_append.py SNAPCTL CORPORA

Every action of a corpus goes through `append --documents`, in the order of insertion, into a new store. The rows have to be
those of the corpus: position, skip, operation id, hash, error. Left out are documents whose logs hold what nobody appends: rows
that were denied, merged in from elsewhere (a skip on anything but an undo), of releases before 6.2, without a creation, or with an action id that a
migration has replaced; how many those are is said.
"""

import gzip
import json
import lzma
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

COLUMNS = '"documentId", "scope", "branch", "index", "skip", "opId", "hash", coalesce("error", \'\')'


def unpacked(path, folder):
    opened = lzma.open(path) if path.suffix == ".xz" else gzip.open(path)
    out = pathlib.Path(folder) / path.stem
    out.write_bytes(opened.read())
    return out


def odd(rows):
    """Why the rows of a document cannot all have been appended to it; None if they can."""
    created = False
    for row in rows:
        action = json.loads(row["action"])
        if row["deniedReason"]:
            return "denied rows"
        if row["skip"] and (action["type"] != "NOOP" or row["skip"] != 1):
            return "merged rows"
        if action["type"] == "NOOP" and not row["skip"]:
            return "rows that do nothing"
        if action["type"] == "CREATE_DOCUMENT":
            version = (action["input"].get("protocolVersions") or {}).get("base-reducer")
            if version not in (1, 2) or version == 1 and any(row["skip"] for row in rows):
                return "another base protocol"
            created = True
    return None if created else "no creation"


def main(snapctl, corpora):
    failed = compared = 0
    left_out = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ["small.sqlite.gz", "wide.sqlite.gz", "deep.sqlite.xz"]:
            source = sqlite3.connect(unpacked(pathlib.Path(corpora) / name, folder))
            source.row_factory = sqlite3.Row
            documents = {}
            for row in source.execute('SELECT * FROM "Operation" ORDER BY "id"'):
                documents.setdefault((row["documentId"], row["branch"]), []).append(row)
            reasons = {key: odd(rows) for key, rows in documents.items()}
            for reason in filter(None, reasons.values()):
                left_out[reason] = left_out.get(reason, 0) + 1
            chosen = [row for key, rows in documents.items() if not reasons[key] for row in rows]
            chosen.sort(key=lambda row: row["id"])
            lines = []
            for row in chosen:
                action = json.loads(row["action"])
                if row["skip"]:
                    action["type"] = "UNDO"
                lines.append(json.dumps({"document": row["documentId"], "branch": row["branch"], "action": action}))
            store = pathlib.Path(folder) / f"{name}.again"
            command = [snapctl, "append", "--documents", "--batch", "100", "--init", "--store", str(store), "--ndjson"]
            settings = pathlib.Path(corpora) / "snapctl.toml"
            if settings.exists():
                command += ["--config", str(settings)]
            run = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True)
            answers = [json.loads(line) for line in run.stdout.splitlines()]
            if len(answers) != len(chosen):
                print(f"{name}: {len(answers)} answers to {len(chosen)} actions: {run.stderr[:400]}")
                failed += 1
            refused = [answer for answer in answers if isinstance(answer.get("error"), dict)]
            for answer in refused[:5]:
                print(f"{name}: refused: {answer}")
            failed += len(refused)
            again = {}
            for row in sqlite3.connect(store).execute(f'SELECT {COLUMNS} FROM "Operation"'):
                again[row[:4]] = row
            for row in chosen:
                want = (row["documentId"], row["scope"], row["branch"], row["index"], row["skip"], row["opId"], row["hash"], row["error"] or "")
                compared += 1
                if again.get(want[:4]) != want:
                    failed += 1
                    if failed < 10:
                        print(f"{name}: stored {want}\n{' ' * len(name)}   again {again.get(want[:4])}")
    reasons = ", ".join(f"{n} with {reason}" for reason, n in sorted(left_out.items()))
    print(f"append: {compared - failed} of {compared} rows are as the reference stored them; documents left out: {reasons or 'none'}")
    return 1 if failed or not compared else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
