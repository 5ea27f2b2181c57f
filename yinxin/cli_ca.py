"""`yinxin ca` with the commands for which several rooms work together: attributes are applied for, issued
and asked; a ceremony begins a home with an audit log of its own; our responder answers for a CA that was taken over."""

from ca.cli import group
from core.i18n import _

__all__ = ["group"]

group.add_later("attribute", "yinxin.cli_attributes:group", _("Attribute certificates: who has which role."))
group.add_later("ceremony", "yinxin.cli_ceremony:group", _("Key ceremonies: root keys made offline, before witnesses."))
group.add_later("import", "yinxin.cli_import:import_", _("Take over an existing CA with everything that it issued."))
group.add_later("rollover", "yinxin.cli_rollover:rollover", _("Another key for an authority, under the same name."))
