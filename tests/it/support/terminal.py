"""Types a line with a tab into a real shell, and prints the words that the shell made of it, one a line.

usage: terminal.py SCRIPT ASKED TYPED COMMAND…: COMMAND is an interactive shell, SCRIPT completes in it, and ASKED is a file that
exists once snapctl has answered. Behind the completed line an x is typed: a word that the shell took for finished is
followed by a word "x", and one that it did not ends with x.
"""

import os
import pty
import select
import signal
import sys
import tempfile
import time

script, asked, typed, command = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
PATIENCE_S = 20

process, terminal = pty.fork()
if process == 0:
    os.execvp(command[0], command)

screen = b""


def drain(seconds):
    """Reads until nothing has come for so long."""
    global screen
    while select.select([terminal], [], [], seconds)[0]:
        try:
            screen += os.read(terminal, 65536)
        except OSError:
            return


def wait_for(path, ending):
    """The text of a file, once it is there and ends as it should."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        drain(0.05)
        if os.path.exists(path) and (text := open(path).read()).endswith(ending):
            return text
    os.kill(process, signal.SIGKILL)
    sys.exit(f"no answer from {command[0]}; on its screen is {screen.decode(errors='replace')}")


def send(text):
    os.write(terminal, text.encode())


with tempfile.TemporaryDirectory() as folder:
    ready, words = f"{folder}/ready", f"{folder}/words"
    drain(0.2)
    send(f"source '{script}'; printf '%s\\n' '' end >{ready}\r")
    wait_for(ready, "\nend\n")
    drain(0.2)
    send(typed + "\t")
    wait_for(asked, "")
    # Completion is over when the shell has nothing more to show.
    drain(1.0)
    send(f"x\x01printf '%s\\n' \x05 end >{words}\r")
    print(wait_for(words, "\nend\n").removesuffix("end\n"), end="")
    os.kill(process, signal.SIGKILL)
