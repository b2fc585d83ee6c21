"""The closed list of reason codes of verdicts, each with its title and the text a partner may read by default.

Pages offer them, `review.py` refuses any other. Texts are msgids and tell the partner what happened without telling how
it was found: rules are not named, so that nobody learns to walk around them.
"""

import msgspec

from fraud_rules.msgids import N_
from tracker.cases.types import Action


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A reason code: its title for staff, its default public text, and the actions it is offered for."""

    code: str
    title: str
    public_text: str
    actions: tuple[Action, ...]


_AGAINST: tuple[Action, ...] = ("reject", "void", "pause", "ban")

_ALL = (
    Reason(
        code="legitimate",
        title=N_("Legitimate"),
        public_text=N_("We checked this referral and confirmed it. The commission follows its normal schedule."),
        actions=("clear",),
    ),
    Reason(
        code="explained",
        title=N_("Explained by the partner"),
        public_text=N_(
            "Thank you for the explanation. The referral is confirmed and the commission follows its schedule."
        ),
        actions=("clear",),
    ),
    Reason(
        code="fraud",
        title=N_("Fraud"),
        public_text=N_("We checked this referral and could not confirm that a real new customer stands behind it."),
        actions=_AGAINST,
    ),
    Reason(
        code="self_referral",
        title=N_("Own purchase or registration"),
        public_text=N_(
            "The referral came from the partner's own person or household, which this program does not reward."
        ),
        actions=_AGAINST,
    ),
    Reason(
        code="duplicate",
        title=N_("Known person"),
        public_text=N_("The person was already registered in this program, so the referral is not a new customer."),
        actions=_AGAINST,
    ),
    Reason(
        code="invalid_contact",
        title=N_("Contacts do not work"),
        public_text=N_("The customer could not be reached by the contacts given."),
        actions=_AGAINST,
    ),
    Reason(
        code="automated",
        title=N_("Automated traffic"),
        public_text=N_("The referral was made by a program, not by a person."),
        actions=_AGAINST,
    ),
    Reason(
        code="forced_click",
        title=N_("Click without a person's will"),
        public_text=N_("The click behind this referral was not made by the customer."),
        actions=_AGAINST,
    ),
    Reason(
        code="policy",
        title=N_("Program terms broken"),
        public_text=N_("The referral came about in a way the program's terms do not allow."),
        actions=_AGAINST,
    ),
    Reason(
        code="refund_abuse",
        title=N_("Purchase made to be refunded"),
        public_text=N_("The purchases behind this referral were made to be returned."),
        actions=_AGAINST,
    ),
    Reason(
        code="more_time",
        title=N_("More time needed"),
        public_text=N_("We need more time to check this referral. The commission stays on hold meanwhile."),
        actions=("hold",),
    ),
    Reason(
        code="need_facts",
        title=N_("We need to know more"),
        public_text=N_(
            "Please tell us how these customers heard of the shop, and send what shows it. The commission stays on hold"
            " until then."
        ),
        actions=("ask",),
    ),
    Reason(
        code="other",
        title=N_("Other"),
        public_text=N_("We checked this referral. Write to us if you would like to know more."),
        actions=("clear", "reject", "void", "ask", "hold", "pause", "ban"),
    ),
)

# Of a verdict taken back at once; nobody chooses it.
UNDONE = Reason(
    code="undone",
    title=N_("Taken back at once"),
    public_text=N_("A decision was taken back at once; everything is as it was before it."),
    actions=(),
)

REASONS: dict[str, Reason] = {reason.code: reason for reason in _ALL}


def reasons_for(action: Action) -> tuple[Reason, ...]:
    """Return the reasons a page offers for an action, in their order."""
    return tuple(reason for reason in _ALL if action in reason.actions)
