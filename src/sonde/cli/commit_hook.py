"""What the git hook calls: `python -m sonde.cli.commit_hook MESSAGE_FILE [SOURCE [COMMIT]]`. It never fails."""

import sys
from contextlib import suppress
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Ask, and whatever happens let the commit go on."""
    with suppress(Exception, KeyboardInterrupt):
        from sonde.operations.hook import ask

        ask(Path.cwd(), Path(arguments[0]), arguments[1] if len(arguments) > 1 else "")


if __name__ == "__main__":
    main(sys.argv[1:])
