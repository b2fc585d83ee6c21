"""The list of report models: a new one is a file here and a line below.

Read by the comparison and by pages that name the models. None of them is a rule model, so none can be chosen by a
program and none ever pays.
"""

from typing import Final

from attribution.reports import distinct, markov, participation
from attribution.reports.paths import ReportModel

REPORT_MODELS: Final[tuple[ReportModel, ...]] = (participation.MODEL, distinct.MODEL, *markov.MODELS)
