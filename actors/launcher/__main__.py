"""Run as a script by `actors.launcher.main.become`, from wherever the package is."""

import os
import sys

if not __package__:
    # After everything else: this is the tree the code came from, not a place to override things.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from actors.launcher.main import main

sys.exit(main(sys.argv[1:]))
