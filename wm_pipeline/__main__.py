"""`python -m wm_pipeline` is `wm`."""

from wm_pipeline.cli.main import main

if __name__ == "__main__":
    main()
