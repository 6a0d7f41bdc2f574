"""What both halves of a sweep work with."""

from dataclasses import dataclass

from connector.reconcile.account import Account, Terms
from connector.reconcile.courtesy import Courtesy
from connector.reconcile.errands import Errand
from connector.reconcile.findings import SweepState


@dataclass(eq=False)
class Half:
    """One half of a sweep of one destination."""

    _errand: Errand
    _account: Account
    _terms: Terms
    _courtesy: Courtesy
    _state: SweepState
