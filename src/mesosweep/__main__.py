"""`python -m mesosweep` is `mesosweep`."""

from mesosweep.cli import main

if __name__ == "__main__":
    main()
