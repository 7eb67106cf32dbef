"""The process in which mace trains: run its command line, then turn its pickled model into a portable checkpoint.

Started by `sonde.training.scratch` as `python -m sonde.training.mace_worker ORDER.json`. The pickle that mace writes is
only ever loaded here, in the process that wrote it.
"""

import json
import sys
from pathlib import Path

from sonde.potentials.mace_checkpoint import save_portable
from sonde.potentials.quiet_import import quiet_require


def main(order_file: Path) -> None:
    """Train as ordered: `arguments` of mace_run_train, `model` it will write, `checkpoint` and `training` to store."""
    order = json.loads(order_file.read_text())
    torch, run_train = quiet_require("torch", "mace.cli.run_train")
    sys.argv = ["mace_run_train", *order["arguments"]]
    run_train.main()
    model = torch.load(order["model"], map_location="cpu", weights_only=False)
    save_portable(model, Path(order["checkpoint"]), order["training"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
