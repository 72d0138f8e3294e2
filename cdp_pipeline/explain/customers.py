"""One customer: which records, how each came in, and the ids before.

Belongs here: ``cdp why A``. Does not belong here: comparing two (``pairs``), or printing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdp_pipeline.explain import records
from cdp_pipeline.explain.records import SCORED, Found, Member
from cdp_pipeline.explain.tree import COPY, Branch, path, spanning_tree
from cdp_pipeline.identity.constrain import BY_DECISION
from cdp_pipeline.identity.exact import ExactRule

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.explain.texts import Texts
    from cdp_pipeline.identity.model import LinkageModel


@dataclass(frozen=True)
class Customer:
    """A customer, explained.

    Attributes
    ----------
    sentence
        One plain sentence.
    found
        What was asked for.
    members
        The records, in the order of the tree.
    branches
        Where each record hangs in the tree of strongest links.
    aliases, history
        Earlier ids, and what happened to the id.
    """

    sentence: str
    found: Found
    members: Sequence[Member]
    branches: Sequence[Branch]
    aliases: Sequence[dict[str, Any]]
    history: Sequence[dict[str, Any]]

    def as_dict(self, texts: Texts, rules: Sequence[ExactRule]) -> dict[str, Any]:
        """Return it for a machine; record numbers, which change between releases, are names."""
        names = {m.record.record_no: m.record.name for m in self.members}
        founder = self.members[0].record.record_no
        way = None
        if self.found.record is not None:
            steps = path(self.branches, founder, self.found.record.record_no)
            way = None if steps is None else [link_dict(s, names, texts, rules) for s in steps]
        return {
            "sentence": self.sentence,
            "customer_id": self.found.customer_id,
            "asked_for": self.found.text,
            "records": [
                {
                    "record": member.record.name,
                    "source": member.record.source,
                    "record_id": member.record.record_id,
                    "how": member.how,
                    "probability": member.probability,
                    "hangs_on": None if branch.parent is None else names[branch.parent],
                    "link": None
                    if branch.link is None
                    else link_dict(branch.link, names, texts, rules),
                    "depth": branch.depth,
                }
                for member, branch in zip(self.members, self.branches, strict=True)
            ],
            "path_from_founding_record": way,
            "earlier_ids": list(self.aliases),
            "history": list(self.history),
        }


def explain_customer(
    con: duckdb.DuckDBPyConnection, model: LinkageModel, found: Found, texts: Texts
) -> Customer:
    """Explain which records are one customer and why.

    Parameters
    ----------
    con
        Where the tables of ``records.TABLES`` can be read.
    found
        The customer, or one of its records.
    """
    rules = rules_of(model)
    mine = records.members(con, found.customer_id)
    branches = tree_of(con, mine, rules)
    by_number = {member.record.record_no: member for member in mine}
    ordered = [by_number[branch.record_no] for branch in branches]
    return Customer(
        sentence=_sentence(found, ordered, branches, texts),
        found=found,
        members=ordered,
        branches=branches,
        aliases=records.aliases(con, found.customer_id),
        history=records.history(con, found.customer_id),
    )


def rules_of(model: LinkageModel) -> list[ExactRule]:
    """Return the model's exact rules, strongest first."""
    return [ExactRule(tuple(columns)) for columns in model.exact]


def tree_of(
    con: duckdb.DuckDBPyConnection, members: Sequence[Member], rules: Sequence[ExactRule]
) -> list[Branch]:
    """Return the records of a customer as a tree of strongest links."""
    numbers = [member.record.record_no for member in members]
    order = {rule.name: place for place, rule in enumerate(rules)}
    return spanning_tree(numbers[0], numbers, records.links(con, numbers), order)


def link_dict(
    link: records.Link, names: dict[int, str], texts: Texts, rules: Sequence[ExactRule]
) -> dict[str, Any]:
    """Return a link for a machine."""
    return {
        "left": names[link.left],
        "right": names[link.right],
        "how": link.how,
        "how_in_words": texts.level(COPY) if link.how == COPY else texts.rule(link.how, rules),
        "match_weight": link.weight,
        "probability": link.probability,
    }


def one_of(kinds: Sequence[str], texts: Texts) -> str:
    """Return "one person", "one company" or, where kinds are mixed, "one customer"."""
    return texts.say(f"one.{kinds[0] if len(set(kinds)) == 1 else 'mixed'}")


def _sentence(
    found: Found, members: Sequence[Member], branches: Sequence[Branch], texts: Texts
) -> str:
    one = one_of([member.record.kind for member in members], texts)
    links = [branch.link for branch in branches if branch.link is not None]
    scored = [link for link in links if link.how == SCORED]
    decided = sum(link.how == BY_DECISION for link in links)
    ruled = len(links) - len(scored) - decided
    sources = texts.listed(sorted({member.record.source for member in members}))
    parts: dict[str, object] = {"customer": found.customer_id, "one": one, "count": len(members)}
    if len(members) == 1:
        said = texts.say("customer_one", **parts, records=members[0].record.name)
    elif decided and not scored and len(links) == len(members) - 1:
        said = texts.say(
            "customer_steward_rules", **parts, sources=sources, rules=ruled, decided=decided
        )
    elif not scored and len(links) == len(members) - 1:
        said = texts.say("customer_rules", **parts, sources=sources)
    else:
        weakest = min((link.probability for link in scored), default=0.0)
        said = texts.say(
            "customer_scored",
            **parts,
            sources=sources,
            rules=ruled,
            scored=len(members) - 1 - ruled - decided,
            weakest=texts.number(weakest, 4),
        )
        if decided:
            said = f"{said} {texts.say('customer_steward', decided=decided)}"
    if found.alias is not None:
        return f"{texts.say('alias_of', alias=found.alias, customer=found.customer_id)} {said}"
    return said
