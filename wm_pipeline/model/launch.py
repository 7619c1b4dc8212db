"""Torch's launcher of several training processes, which tells in one line how one of them failed.

`python -m wm_pipeline.model.launch --nproc_per_node 2 -m wm_pipeline.train.run --config config.json`
"""

import logging
import sys

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main as launch

from wm_pipeline.domain.processes import ended_in_words
from wm_pipeline.domain.scratch import scratch_folder


def main() -> int:
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # says the same in twenty lines
    try:
        with scratch_folder("training-group") as logs:  # torch would leave a folder in the system's for ever
            launch(["--log-dir", str(logs), *sys.argv[1:]])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        print(f"training process {rank} of this group {ended_in_words(failure.exitcode)}", file=sys.stderr)
        return 1
    except SignalException:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
