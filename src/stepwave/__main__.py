"""`python -m stepwave`, which is how `torchrun -m stepwave` starts the program; all of it is in `commands`."""

import sys

from stepwave.commands.main import run

if __name__ == "__main__":
    sys.exit(run())
