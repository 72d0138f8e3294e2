"""Proposing contracts and staging SQL from sample exports: sniff, profile, classify, propose.

Belongs here: everything ``cdp init --from`` finds out about files it has never seen. Each module
is one step: ``words`` (what headers say), ``reading`` (format, encoding, sample), ``formats`` (type
and format of a column), ``shapes`` (what values look like), ``columns`` (both kinds of evidence
into a meaning and a personal class), ``tables`` (which entity a table feeds, keys, joins),
``contracts_text`` and ``staging_text`` (what is proposed, as files), ``proposal`` (all of it in
order). Nothing here writes a home; the command does.

No personal value leaves: evidence is shares and masked examples.
"""

from cdp_pipeline.proposing.proposal import Proposal, propose

__all__ = ["Proposal", "propose"]
