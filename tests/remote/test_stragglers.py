"""Who is late: the rules alone, at times that are given."""

from __future__ import annotations

from azarr.engine.process._stragglers import (
    AT_THE_END,
    IN_THE_MIDST,
    LEARNING,
    Latencies,
    Stragglers,
)

LATENCY = 0.05


def learned(seconds: float = LATENCY) -> Latencies:
    """What is known after answers that all took as long: the patience is half as long again."""
    latencies = Latencies()
    for _ in range(256):
        latencies.add(seconds)
    return latencies


def under_way(count: int, latencies: Latencies) -> Stragglers[int]:
    """So many requests that were sent one after the other, 0.1 ms apart."""
    stragglers: Stragglers[int] = Stragglers(latencies)
    for number in range(count):
        stragglers.begin(number, number / 10_000)
    return stragglers


def look(stragglers: Stragglers[int], now: float, budget: float = 1.0) -> list[int]:
    """Who is late at a time, looked at in time."""
    stragglers.pause(now)
    return stragglers.late(now, budget)


def test_the_percentiles_are_those_of_the_last_answers() -> None:
    latencies = Latencies(kept=100)
    for _ in range(31):
        latencies.add(1.0)
    assert latencies.p95 == latencies.patience == float("inf")
    for n in range(1000):
        latencies.add(0.01 if n % 10 else 0.5)
    assert latencies.p95 == latencies.patience == 0.5
    for n in range(1000):
        latencies.add(0.01 if n % 100 else 0.5)
    assert (latencies.p25, latencies.p95) == (0.01, 0.01)
    assert latencies.patience == 0.015


def test_the_first_answers_of_many_are_the_fast_ones_and_teach_nothing_yet() -> None:
    latencies = Latencies()
    for _ in range(128):
        latencies.add(0.01, in_flight=256)
    assert latencies.patience == float("inf")
    for _ in range(160):
        latencies.add(0.03, in_flight=200)
    assert latencies.patience == 0.045


def test_a_single_request_is_late_after_the_95th_percentile() -> None:
    stragglers = under_way(1, learned())
    assert stragglers.pause(0) == 1.5 * LATENCY
    assert look(stragglers, 0.074) == []
    assert look(stragglers, 0.076) == [0]


def test_it_is_looked_for_later_while_nothing_is_known() -> None:
    assert under_way(1, Latencies()).pause(0) == LEARNING


def test_in_the_midst_of_an_operation_it_has_to_be_overtaken_and_later() -> None:
    stragglers = under_way(100, learned())
    for number in range(1, 100):  # all but the first are answered, and others are sent
        stragglers.end(number)
        stragglers.begin(100 + number, 0.05)
    assert look(stragglers, 0.1) == []
    assert look(stragglers, 0.076 * IN_THE_MIDST) == [0]


def test_nobody_is_late_where_all_are() -> None:
    stragglers = under_way(100, learned())
    assert look(stragglers, 1.0) == [0], "only the first: nobody was under way before it"
    for number in range(50):
        stragglers.end(number)
    assert look(stragglers, 1.1) == look(stragglers, 1.2)
    assert len(look(stragglers, 1.2)) <= 5


def test_at_the_end_of_an_operation_whoever_is_left_is_late_when_nothing_else_happens() -> None:
    stragglers = under_way(100, learned())
    for number in range(95):
        stragglers.end(number)
    assert look(stragglers, 0.061) == [], "answers come in"
    assert look(stragglers, 0.062) == [95, 96, 97, 98, 99] * AT_THE_END
    assert look(stragglers, 0.063, budget=0.4) == [95, 96, 97, 98, 99]


def test_what_was_sent_again_is_late_by_its_own_time() -> None:
    stragglers = under_way(100, learned())
    for number in range(98):
        stragglers.end(number)
    look(stragglers, 0.061)
    assert look(stragglers, 0.062)[:2] == [98, 99]
    stragglers.begin(98, 0.062)
    stragglers.begin(98, 0.062)
    assert look(stragglers, 0.07) == [99] * AT_THE_END
    stragglers.end(99)
    look(stragglers, 0.1)
    assert look(stragglers, 0.113) == [98]


def test_what_has_one_second_request_gets_another_at_the_end() -> None:
    stragglers = under_way(100, learned())
    stragglers.begin(98, 0.06)
    for number in range(98):
        stragglers.end(number)
    look(stragglers, 0.061)
    assert look(stragglers, 0.062) == [99, 98, 99]


def test_what_was_late_before_gets_another_at_the_end_whoever_is_answered_since() -> None:
    """Its only second request fails or is slow too, one time in 25; ten such wait at the end."""
    stragglers = under_way(1000, learned())
    for number in range(1, 970):
        stragglers.end(number)
    stragglers.begin(0, 0.15)
    for number in range(970, 980):
        stragglers.end(number)
    look(stragglers, 0.16)
    assert look(stragglers, 0.161).count(0) == 1


def test_what_failed_is_late_by_the_time_when_it_was_asked_for_first() -> None:
    stragglers = under_way(100, learned())
    for number in range(99):
        stragglers.end(number)
    stragglers.end(99)
    stragglers.begin(200, 0.06, since=0.001)
    stragglers.begin(201, 0.06)
    for number in range(300, 320):
        stragglers.begin(number, 0.06)
        stragglers.end(number)
    look(stragglers, 0.061)
    assert look(stragglers, 0.0625) == [200] * AT_THE_END


def test_a_client_that_looks_too_late_knows_nothing_of_a_lull() -> None:
    stragglers = under_way(100, learned())
    for number in range(95):
        stragglers.end(number)
    look(stragglers, 0.061)
    pause = stragglers.pause(0.061)
    assert stragglers.late(0.061 + 3 * pause) == []
    assert look(stragglers, 0.09) != []


def test_the_less_is_left_to_spend_the_later_a_request_has_to_be() -> None:
    stragglers = under_way(1, learned())
    assert look(stragglers, 0.14, budget=0.5) == []
    assert look(stragglers, 0.151, budget=0.5) == [0]
    assert look(stragglers, 0.74, budget=0.0) == []
    assert look(stragglers, 0.76, budget=0.0) == [0]
