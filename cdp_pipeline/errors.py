"""Errors a person can act on.

Every error that may reach a terminal, a log or Dagster's storage is a `CdpError`: its message says
what, where and what to do, and holds no personal value. Whatever else is raised inside a step is
translated by ``warehouse.engine`` before anything else sees it.
"""


class CdpError(Exception):
    """Something a data engineer can act on.

    Parameters
    ----------
    what : str
        What went wrong and where, without any value from the data.
    hint : str, optional
        What to do next.
    """

    exit_code = 1

    def __init__(self, what: str, hint: str | None = None) -> None:
        super().__init__(what if hint is None else f"{what}\n  {hint}")
        self.what = what
        self.hint = hint


class HomeError(CdpError):
    """The home folder or its settings are not usable."""

    exit_code = 2


class HomeLockedError(CdpError):
    """Another run holds the home."""

    exit_code = 4


class StepError(CdpError):
    """A table could not be made."""


class ReleaseRefusedError(CdpError):
    """A release would be incoherent or has a failing blocking check; the last one stays."""

    exit_code = 5
