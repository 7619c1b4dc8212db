"""`python -m wm_pipeline` is `wm`."""

from wm_pipeline.cli.__main__ import main

if __name__ == "__main__":
    main()
