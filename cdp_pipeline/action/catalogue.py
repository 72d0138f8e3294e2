"""The catalogue of actions: what ``actions.yml`` may say.

Belongs here: the shape of the file and what can be checked without data. Whether its columns
exist, and what it means for a customer, is for ``candidates`` and ``choice``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cdp_pipeline.action.expressions import expression_fault, sentence_fault
from cdp_pipeline.action.permissions import Channel, Purpose
from cdp_pipeline.declared import (
    DeclarationError,
    DeclaredFile,
    Strict,
    load_declared,
)

__all__ = ["Action", "Catalogue", "DeclarationError", "ChannelUse", "Gate", "load_catalogue"]

NO_ACTION = "none"
Place = tuple[str | int, ...]


def _as_text(value: object) -> object:
    """Let a number or a truth value stand for the expression that gives it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def _expression(text: str) -> str:
    if fault := expression_fault(text):
        raise ValueError(fault)
    return text


def _sentence(text: str) -> str:
    if fault := sentence_fault(text):
        raise ValueError(fault)
    return text


Expression = Annotated[str, BeforeValidator(_as_text), AfterValidator(_expression)]
Sentence = Annotated[str, AfterValidator(_sentence)]
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]


class Probability(Strict):
    """How likely the action makes the customer do what it is for."""

    prior: float = Field(ge=0, le=1, description="What is believed before there is data.")
    prior_weight: float = Field(
        1000, gt=0, description="Customers in randomised campaigns that weigh as much as the prior."
    )
    evidence: Literal["campaigns", "none"] = Field(
        "campaigns", description="Whether action.response_rates may speak."
    )


class ChannelUse(Strict):
    """What an action costs through one channel."""

    cost: Expression = Field(description="Per customer, in the home currency.")
    capacity: Expression | None = Field(None, description="Customers at most.")
    probability: Probability | None = Field(None, description="Where it differs by channel.")


class Action(Strict):
    """One thing that can be done for a customer."""

    title: str = Field(min_length=3)
    why: Sentence = Field(description="Sentence with the customer's figures.")
    purpose: Purpose
    when: Expression = Field(description="For which customers it makes sense.")
    value: Expression = Field(description="What it is worth when it works, home currency.")
    probability: Probability
    channels: dict[Channel, ChannelUse] = Field(min_length=1)
    capacity: Expression | None = Field(None, description="Customers at most, all channels.")
    budget: Expression | None = Field(None, description="Cost at most, home currency.")
    valid_days: int = Field(ge=1, description="Days the choice holds, the first included.")
    content_key: str = Field(min_length=1)
    content_product: Expression | None = Field(None, description="Product to show, if any.")
    holdout: bool = Field(True, description="Whether the control group goes without.")


class Gate(Strict):
    """A state in which nothing goes to a customer."""

    when: Expression
    title: str
    lets_through: tuple[str, ...] = Field((), description="Actions that pass all the same.")


class Control(Strict):
    """The group that is held out."""

    share: float = Field(ge=0, lt=1)
    key: str = Field(min_length=1, description="Another key draws another group.")


class Limits(Strict):
    """What all actions share."""

    channel_capacity: dict[Channel, Expression] = Field(default_factory=dict)
    budget: Expression | None = None


class Words(Strict):
    """Sentences of the explanations."""

    permission: str = "permission for {purpose} by {channel}, for {action}"
    gate: str = "the end of {gate}, for {action} by {channel}"
    probability: str = (
        "a probability of {needed} instead of {probability}, for {action} by {channel}"
    )
    worth: str = "an order worth more than the cost, for {action} by {channel}"
    capacity: str = "more capacity or budget, for {action} by {channel}"

    @model_validator(mode="after")
    def _known_fields(self) -> Words:
        known = ("purpose", "channel", "action", "gate", "needed", "probability")
        for name in type(self).model_fields:
            if fault := sentence_fault(getattr(self, name), known):
                raise ValueError(f"{name}: {fault}")
        return self


class Catalogue(DeclaredFile):
    """Everything ``actions.yml`` says."""

    definitions: dict[Name, Expression] = Field(default_factory=dict)
    control: Control
    gates: dict[Name, Gate] = Field(default_factory=dict)
    limits: Limits = Limits()
    words: Words = Words()
    actions: dict[Name, Action] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_fit(self) -> Catalogue:
        if NO_ACTION in self.actions:
            raise ValueError(f"an action cannot be called {NO_ACTION}: that is the absence of one")
        if "permission" in self.gates:
            raise ValueError("a gate cannot be called permission: that one is always there")
        for name, gate in self.gates.items():
            unknown = sorted(set(gate.lets_through) - set(self.actions))
            if unknown:
                raise ValueError(f"gate {name} lets through {', '.join(unknown)}, not an action")
        return self

    def lanes(self) -> list[tuple[str, str]]:
        """Return each action and channel it can go through, sorted."""
        return sorted(
            (name, channel) for name, action in self.actions.items() for channel in action.channels
        )

    def customer_expressions(self) -> Iterator[tuple[Place, str]]:
        """Yield the place and text of each expression over the facts of a customer."""
        for name, text in self.definitions.items():
            yield ("definitions", name), text
        for name, gate in self.gates.items():
            yield ("gates", name, "when"), gate.when
        for channel, text in self.limits.channel_capacity.items():
            yield ("limits", "channel_capacity", channel), text
        if self.limits.budget is not None:
            yield ("limits", "budget"), self.limits.budget
        for name, action in self.actions.items():
            for field in ("when", "value", "capacity", "budget", "content_product"):
                if (text := getattr(action, field)) is not None:
                    yield ("actions", name, field), text
            for channel, use in action.channels.items():
                yield ("actions", name, "channels", channel, "cost"), use.cost
                if use.capacity is not None:
                    yield ("actions", name, "channels", channel, "capacity"), use.capacity


def load_catalogue(path: Path) -> Catalogue:
    """Read ``actions.yml``.

    Raises
    ------
    DeclarationError
        With every problem, by file and line.
    """
    return load_declared(path, Catalogue, "see the comments in the shipped actions.yml")
