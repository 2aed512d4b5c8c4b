"""One account of one vendor with all that the kit keeps around it, and its file in the data directory."""

import json
import os
from pathlib import Path
from typing import Any

from sandbox.kit.behaviour import Behaviour
from sandbox.kit.calls import Calls
from sandbox.kit.faults import Faults
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import Vendor
from sandbox.kit.webhooks import Webhooks


class Account:
    """The vendor's emulator with its faults, call log, limits and webhooks; nothing is shared between accounts."""

    def __init__(self, vendor_class: type[Vendor], account_id: str, defaults: Limits) -> None:
        self.id = account_id
        self._defaults = defaults
        self.limits = Limits(defaults.enabled, defaults.scale)
        self.webhooks = Webhooks()
        self.vendor = vendor_class(account_id, self.limits, self.webhooks)
        self.faults = Faults()
        self.calls = Calls()
        self.changed = False

    def reset(self) -> None:
        """Empty store and call log, default limits and behaviour, no faults, auth restored.

        Issued credentials and the webhook target stay, so that what is connected keeps working.
        """
        self.limits.enabled, self.limits.scale = self._defaults.enabled, self._defaults.scale
        self.set_behaviour(Behaviour())
        self.faults.clear()
        self.calls.clear()
        self.vendor.reset()
        self.changed = True

    def set_behaviour(self, behaviour: Behaviour) -> None:
        """Change the vendor's behaviour in place, because its clock holds the same object."""
        for key in Behaviour.model_fields:
            setattr(self.vendor.behaviour, key, getattr(behaviour, key))

    def save(self, path: Path) -> None:
        """Write the state to `path` in one step, so that a kill leaves the old file or the new one."""
        self.changed = False
        state = {
            "vendor": self.vendor.dump(),
            "webhooks": {"url": self.webhooks.url, "secret": self.webhooks.secret},
        }
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(state), encoding="utf-8")
        os.replace(partial, path)

    def restore(self, path: Path) -> None:
        """Take over what `save` wrote."""
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.webhooks.url = state["webhooks"]["url"]
        self.webhooks.secret = state["webhooks"]["secret"]
        self.vendor.load(state["vendor"])
