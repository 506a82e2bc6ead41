"""Types a line with a tab into a real shell, and prints the words that the shell made of it, one a line.

usage: terminal.py SCRIPT TYPED COMMAND…: COMMAND is an interactive shell, SCRIPT completes in it. Behind the completed line an
x is typed: a word that the shell took for finished is followed by a word "x", and one that it did not ends with x.
"""

import os
import pty
import select
import signal
import sys
import tempfile
import time

script, typed, command = sys.argv[1], sys.argv[2], sys.argv[3:]
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


def wait_for(path):
    """The file that the shell writes, once it is whole."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        drain(0.05)
        if os.path.exists(path) and (text := open(path).read()).endswith("\nend\n"):
            return text
    os.kill(process, signal.SIGKILL)
    sys.exit(f"no answer from {command[0]}; on its screen is {screen.decode(errors='replace')}")


def send(text):
    os.write(terminal, text.encode())


with tempfile.TemporaryDirectory() as folder:
    ready, words = f"{folder}/ready", f"{folder}/words"
    drain(0.2)
    send(f"source '{script}'; printf '%s\\n' '' end >{ready}\r")
    wait_for(ready)
    drain(0.2)
    send(typed + "\t")
    # Completion is over when the shell has nothing more to show.
    drain(0.6)
    send(f"x\x01printf '%s\\n' \x05 end >{words}\r")
    print(wait_for(words).removesuffix("end\n"), end="")
    os.kill(process, signal.SIGKILL)
