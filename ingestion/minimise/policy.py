"""Which action a column may have: what the law and the house leave to a contract, and what they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.entities import Entity, is_generalised, load_entities

if TYPE_CHECKING:
    from ingestion.contract import Column, Contract

# A police record's event may stay; columns about these persons or matters never do, whatever a contract says.
ONLY_DROP = frozenset({"suspect", "victim", "witness", "child", "health", "biometrics", "account"})
# What may become of free text: terms of a closed list, or where the contract says what for its redacted text.
NARRATIVE_ACTIONS = ("extract", "redact")
UNPROCESSABLE = "narrative:unprocessable"  # the rule that a row breaks whose narrative cannot be read


class PolicyBroken(Exception):
    """A contract that would let personal data past landing."""


def check_policy(contract: Contract) -> None:
    """Refuse a contract whose actions the policy forbids. Raises PolicyBroken, naming column and next step."""
    entity = load_entities()[contract.entity]
    for column in contract.columns:
        about = str(column.options.get("about", ""))
        if not column.action:
            raise PolicyBroken(f"{contract.feed}: column {column.name} has no action; add one, e.g. drop")
        if about in ONLY_DROP and column.action not in ("drop", *NARRATIVE_ACTIONS):
            raise PolicyBroken(f"{contract.feed}: {column.name} is about a {about}; its action can only be drop")
        if column.classification == "specific" and column.action not in ("drop", *NARRATIVE_ACTIONS):
            raise PolicyBroken(
                f"{contract.feed}: column {column.name} is specific personal data; its action can only be drop"
            )
        if column.classification == "personal" and column.action == "keep":
            raise PolicyBroken(
                f"{contract.feed}: column {column.name} is personal and kept; drop, generalise or pseudonymise it"
            )
        if column.action == "redact" and not column.options.get("purpose"):
            raise PolicyBroken(
                f"{contract.feed}: column {column.name} is redacted for no stated purpose; state its purpose or extract"
            )
        if column.action in NARRATIVE_ACTIONS and column.maps_to:
            raise PolicyBroken(f"{contract.feed}: {column.name} is a narrative and maps to {column.maps_to}; unmap it")
        if column.action == "pseudonymise" and about == "plate" and "links" not in column.options:
            raise PolicyBroken(
                f"{contract.feed}: column {column.name} is a plate and no staging model is named in links; drop it"
            )
        if _is_undone(column, entity):
            raise PolicyBroken(
                f"{contract.feed}: column {column.name} would land as it is in {column.maps_to}, although its action "
                f"is {column.action}; drop it"
            )


def _is_undone(column: Column, entity: Entity) -> bool:
    """Whether the table holds the column as delivered, although the contract has something done to it."""
    landed = {field.name: field.type for field in entity.minimised}
    if column.maps_to not in landed or column.action not in ("pseudonymise", "generalise"):
        return False
    return column.action == "pseudonymise" or not is_generalised(column.maps_to, landed[column.maps_to])
