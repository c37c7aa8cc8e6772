"""`python -m polysync` is the `polysync` command."""

from polysync.cli.main import main

if __name__ == "__main__":
    main()
