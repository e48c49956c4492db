"""Run the command as `python -m curv_issues`, for example if its script is not on the path."""

from __future__ import annotations

from curv_issues.cli.app import main

if __name__ == "__main__":
    main()
