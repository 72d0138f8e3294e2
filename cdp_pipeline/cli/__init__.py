"""The ``cdp`` command.

Belongs here: what people type and read. Every command opens a home, calls one thing elsewhere and
shows the result; nothing is computed here.

=========  ========================================================================
app        the commands and their help
running    ``run``: progress while it works, the closing summary
idle       whether ``run`` would find anything to do
looking    ``sql``, ``deliveries``, ``lineage``, ``check``: looking at a home without changing it
starting   ``init``, ``demo``, ``dev``: beginnings
=========  ========================================================================
"""

from cdp_pipeline.cli.app import main

__all__ = ["main"]
