from tracker.idempotency import store
from tracker.idempotency.store import KEPT_MS, Answer, Place


def test_the_first_answer_stays_and_keys_are_apart(world) -> None:
    place = Place(program_id=world.program_id, livemode=True, idempotency_key="k")
    first, second = (
        Answer(request_digest=body, status_code=200, body=body, created_at_ms=1) for body in (b"first", b"second")
    )

    world.write(lambda conn: store.keep(conn, place, first))
    world.write(lambda conn: store.keep(conn, place, second))

    assert world.read(lambda conn: store.find(conn, place)) == first
    for other in (
        Place(program_id=world.program_id, livemode=False, idempotency_key="k"),
        Place(program_id=world.program_id, livemode=True, idempotency_key="K"),
    ):
        assert world.read(lambda conn, other=other: store.find(conn, other)) is None


def test_answers_are_kept_thirty_days_and_no_longer(world) -> None:
    for name, at_ms in (("old", 999), ("young", 1_000)):
        place = Place(program_id=world.program_id, livemode=True, idempotency_key=name)
        answer = Answer(request_digest=b"", status_code=200, body=b"", created_at_ms=at_ms)
        world.write(lambda conn, place=place, answer=answer: store.keep(conn, place, answer))

    assert world.write(lambda conn: store.purge(conn, now_ms=1_000 + KEPT_MS)) == 1
    place = Place(program_id=world.program_id, livemode=True, idempotency_key="young")
    assert world.read(lambda conn: store.find(conn, place)) is not None
