"""What every test shares: properties try the same examples each time, so that a red suite is a change's own doing.

`REMIT_RANDOM=1` tries others; `REMIT_PROPERTY_EXAMPLES` says how many where a test reads it.
"""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("random", derandomize=False)
settings.load_profile("random" if os.environ.get("REMIT_RANDOM") else "same")
