"""What the tests of facts and nights share: a world's conversions, judged as the worker does."""

import pytest

from attribution.binding import partner_to_bind
from attribution.engine import attribute
from fraud_rules.types import Facts
from tracker.conversions import store
from tracker.conversions.journey import load_case
from tracker.fraud.facts.load import load_facts
from tracker.fraud.facts.subject import Asked
from tracker.programs.regions import region_of
from tracker.programs.store import program_as_of

SECTIONS = frozenset(Facts.__struct_fields__) - {"subject"}


@pytest.fixture
def facts_of(world):
    """Load every section of facts of a conversion, for the partner it is credited to."""

    def load(conversion_id, needs=SECTIONS):
        def read(conn):
            row = store.get_conversion(conn, conversion_id)
            program = program_as_of(conn, row.program_id, row.occurred_at_ms)
            case = load_case(conn, row, program)
            decision = attribute(case.conversion, case.journey, program.settings.attribution)
            clicked = {click.click_id: click for click in case.clicks}
            touched = [clicked[each.touch_id] for each in decision.credits if each.touch_id in clicked]
            click = max(touched, key=lambda each: each.occurred_at_ms, default=None)
            asked = Asked(
                row=row,
                enrollment_id=partner_to_bind(decision.credits),
                click=click,
                clicked_at_ms=click and click.occurred_at_ms,
                clicks=case.clicks,
                allows_own_purchases=program.settings.allow_own_purchases,
            )
            return load_facts(conn, asked, region=region_of(program.time_zone), needs=needs)

        return world.read(read)

    return load
