"""Start the app. Spaces and `make run` run this file; of an installed package `priorrg app` does the same."""

import sys

from priorrg.app import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], "python app.py"))
