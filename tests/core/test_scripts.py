"""Custom JavaScript: what a function sees, that it leaves nothing behind, and that a bad one costs one record."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import scripts
from core.errors import FieldValidation
from core.plan import Origin
from core.scripts import Script, ScriptHost, script_problem
from core.values import Value


def run(source: str, value: Value = 1, host: ScriptHost | None = None) -> Value:
    """Call a function once."""
    return Script("toExternal", source, host or ScriptHost())(value, Origin())


def failure(source: str, value: Value = 1, host: ScriptHost | None = None) -> str:
    """Return why a call failed."""
    with pytest.raises(FieldValidation) as refused:
        run(source, value, host)
    return refused.value.message


HOST = ScriptHost()


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("function (value, record) { return value.toUpperCase(); }", "acme", "ACME"),
        ("value => value * 2", Decimal("0.5"), 1),
        ("value => value / 4", 1, Decimal("0.25")),
        ("(value) => { const table = { a: 'A' }; return table[value] ?? 'other'; } // a comment", "b", "other"),
        ("value => value ? null : 'none'", True, None),
        ("value => value.split(',')", "a,b", ["a", "b"]),
        ("value => ({ name: value })", "x", {"name": "x"}),
        ("value => typeof value + value", Decimal("12345678901234567.89"), "string12345678901234567.89"),
        ("value => typeof value[0]", [2**60], "string"),
        ("value => new Date(value)", "2026-01-05T10:00:00+02:00", "2026-01-05T08:00:00.000Z"),
        ("value => value", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "\U0001f600"),
        ("String", 5, "5"),
        ("value => { const o = {}; o.toString = () => 'own'; o.constructor = 1; return `${o}`; }", 1, "own"),
        ("value => { const m = {}; m[value] = 1; return Object.keys(m); }", "constructor", ["constructor"]),
    ],
)
def test_i3_what_a_function_gives(source: str, value: Value, result: Value) -> None:
    assert script_problem(source) is None
    assert run(source, value, HOST) == result


def test_i3_a_function_sees_its_record() -> None:
    fields: dict[str, Value] = {"name": "Acme", "billingAddress.city": "Oslo", "a": 1, "a.b": 2, "list[0].x": 3}
    for expression, seen in (
        ("record.name + ', ' + record.billingAddress.city", "Acme, Oslo"),
        ("record['billingAddress.city'] + record['list[0].x']", "Oslo3"),
        ("[record.a, record['a.b']]", [1, 2]),
    ):
        assert Script("toAlguna", f"(value, record) => {expression}")("x", Origin(fields)) == seen
    assert Origin({"a.b.c": 1, "a.b": 2, "a.d": 3}).tree() == {
        "a.b.c": 1,
        "a.b": 2,
        "a.d": 3,
        "a": {"b": {"c": 1}, "d": 3},
    }


def test_whether_a_function_reads_its_record() -> None:
    one, two = "value => value", "(value, record) => value"
    assert not Script("toExternal", one).reads_record
    assert not Script("toExternal", "function (value) { return value; }").reads_record
    for source in (two, "(value, record = {}) => 1", "(...all) => all[1]", "function (v) { return arguments[1]; }"):
        assert Script("toExternal", source).reads_record


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("(value) => {\n  return value +;\n}", "SyntaxError: unexpected token in expression: ';' (line 2, column 17)"),
        ("value => {\n  if (value) {\n    return 1;", "SyntaxError: the text ends too early, at line 3"),
        ("value => value) + (value => 1", "(line 1, column 15)"),
        ("value => 1, value => 2", "is not a function"),
        ("value => 1], [value => 2", "(line 1, column 11)"),
        ("return 5", "(line 1, column 1)"),
        ("'text'", "is not a function"),
        ("value.trim()", "is not a function; write `function (value, record) { … }`"),
        (" ", "is not a function"),
        ("async value => value", "neither asynchronous nor a generator"),
        ("function* (value) {}", "neither asynchronous nor a generator"),
        ("class Mapper {}", "is a class"),
        ("(() => { while (true) {} })()", "interrupted"),
        ("(() => { throw 'text'; })()", "text"),
        ("value => '\0'", "characters that are no text"),
        ("value => '\ud800'", "characters that are no text"),
        ("value => 1;" + " " * scripts.SOURCE_LIMIT_CHARS, "is longer than 20,000 characters"),
    ],
)
def test_i9_a_text_that_is_no_function_says_where(source: str, problem: str) -> None:
    found = script_problem(source)
    assert found is not None
    assert problem in found


def test_i3_a_runtime_error_shows_the_javascript_stack() -> None:
    source = "function map(value) {\n  const inner = () => value.name.first;\n  return inner();\n}"
    assert failure(source) == (
        "toExternal failed: TypeError: cannot read property 'first' of undefined\n"
        "    at inner (line 2, column 23)\n"
        "    at map (line 3, column 10)"
    )
    assert failure("value => { throw 'plain text'; }") == "toExternal failed: plain text"
    named = "value => { const e = new Error('wrong'); e.name = 'Mine'; throw e; }"
    assert failure(named).startswith("toExternal failed: Mine: wrong\n")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("value => undefined", "the function returned undefined; return null to clear the field"),
        ("value => { }", "the function returned undefined"),
        ("value => 0 / 0", "NaN is not a finite number"),
        ("value => ({ amount: 1 / 0 })", "Infinity is not a finite number"),
        ("value => new Date('never')", "RangeError"),
        ("value => () => 1", "returned no value but a function"),
        ("value => 10n", "BigInt"),
        ("value => (async () => 1)()", "the function is asynchronous"),
        ("value => '\\ud800'", "text that is not Unicode"),
        ("value => 'x'.repeat(200001)", "more than 200,000 characters"),
    ],
)
def test_i3_what_no_field_could_hold_is_refused(source: str, message: str) -> None:
    assert script_problem(source) is None
    found = failure(source, host=HOST)
    assert message in found
    assert "$" not in found


@pytest.mark.parametrize(
    "source",
    [
        "value => { globalThis.kept = value; }",
        "value => { kept = value; }",
        "value => { Array.prototype.kept = value; }",
        "value => { Object.prototype.toString = () => 'kept'; }",
        "value => { Object.getPrototypeOf([].values()).next = () => 1; }",
        "value => { Object.getPrototypeOf(async () => 1).kept = 1; }",
        "value => { Math.random = () => 1; }",
        "value => { Date.now = () => 1; }",
        "value => { JSON.parse = () => ({}); }",
        "value => { delete Map.prototype.get; }",
        "value => { Error.stackTraceLimit.x = 1; }",
    ],
)
def test_i12_nothing_can_be_left_behind_in_what_is_shared(source: str) -> None:
    host = ScriptHost()
    assert "Error" in failure(source, host=host)
    assert (
        run("value => typeof kept + {} + [].kept + Math.max(1, 2)", host=host) == "undefined[object Object]undefined2"
    )


def test_i12_no_state_leaks_between_records() -> None:
    host = ScriptHost()
    own = "function count(value) { count.calls = (count.calls ?? 0) + 1; return count.calls; }"
    closed = "(() => { let calls = 0; return value => ++calls; })()"
    cached = "value => { const parts = (s => s)`x`; try { parts.push(1); } catch {} return parts.length; }"
    pattern = "value => { const p = /a/g; p.test('aa'); return p.lastIndex; }"
    for source in (own, closed, cached, pattern):
        assert [run(source, host=host) for _ in range(3)] == [1, 1, 1]


def test_i12_clock_and_chance_stand_still() -> None:
    source = "value => [Date.now(), new Date().toISOString(), Math.random(), Math.random()]"
    origin = Origin({}, datetime(2026, 3, 1, 12, tzinfo=UTC))
    results = [Script("toAlguna", source)("x", origin) for _ in range(2)]
    assert results[0] == results[1]
    assert isinstance(results[0], list)
    assert results[0][:2] == [1772366400000, "2026-03-01T12:00:00.000Z"]
    assert results[0][2] != results[0][3]
    other = run(source, "y")
    assert isinstance(other, list)
    assert other[0] == 946684800000
    assert other[2] != results[0][2]


def test_i12_times_are_those_of_utc_on_every_machine() -> None:
    source = """value => [
        new Date(2026, 0, 5), new Date('2026-01-05T10:00'), new Date('2026-01-05'), new Date(0).getHours(),
        new Date(0).getTimezoneOffset(), Date.parse('1970-01-01T00:00:01'), typeof Date(), new Date(new Date(5)) - 0]"""
    days = ["2026-01-05T00:00:00.000Z", "2026-01-05T10:00:00.000Z", "2026-01-05T00:00:00.000Z"]
    was = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    try:
        assert run(source) == [*days, 0, 0, 1000, "string", 5]
    finally:
        os.environ.pop("TZ")
        os.environ.update({} if was is None else {"TZ": was})
        time.tzset()


def test_i8_a_function_reaches_nothing_outside() -> None:
    names = ["std", "os", "require", "process", "fetch", "eval", "setTimeout", "Promise", "performance", "WeakRef"]
    source = f"value => [{', '.join(f'typeof {name}' for name in names)}]"
    assert run(source) == ["undefined"] * len(names)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("value => { while (true) {} }", "ran too long"),
        ("value => { try { for (;;); } finally { for (;;); } }", "ran too long"),
        ("value => /(a+)+$/.test('a'.repeat(40) + 'b')", "ran too long"),
        ("value => new Array(2 ** 31).includes(1)", "ran too long"),
        ("value => { const all = []; while (true) all.push('x'.repeat(1000)); }", "more than 16 MB"),
        ("value => 'x'.repeat(1e9)", "more than 16 MB"),
        ("function deep(value) { return deep(value) + 1; }", "calls itself too deeply"),
    ],
)
def test_i10_a_loop_or_a_bomb_costs_one_record(source: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "TIME_LIMIT_SECONDS", 0.05)
    host = ScriptHost()
    if "MB" in message:
        monkeypatch.setattr(scripts, "TIME_LIMIT_SECONDS", 5.0)
    assert message in failure(source, host=host)
    assert run("value => value + 1", host=host) == 2


def test_i11_many_loops_are_given_less_time_and_usual_functions_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "TIME_LIMIT_SECONDS", 0.01)
    monkeypatch.setattr(scripts, "SHORT_TIME_LIMIT_SECONDS", 0.002)
    allowed, host = list[float](), ScriptHost()
    limit = host._limit

    def note(seconds: float) -> None:
        allowed.append(seconds)
        limit(seconds)

    monkeypatch.setattr(host, "_limit", note)
    for _ in range(scripts.PATIENCE + 2):
        failure("value => { while (true) {} }", host=host)
    assert allowed == [0.01] * scripts.PATIENCE + [0.002] * 2
    assert run("value => value + 1", host=host) == 2


def test_i10_a_context_is_made_anew_before_it_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "_CALLS_PER_CONTEXT", 2)
    host = ScriptHost()
    assert [run("value => { (async () => { await 1; })(); return value; }", host=host) for _ in range(5)] == [1] * 5


def test_i7_one_host_serves_several_threads() -> None:
    host, found = ScriptHost(), list[Value]()

    def work(number: int) -> None:
        found.extend(
            run("value => { let n = 0; for (let i = 0; i < 2000; i++) n += value; return n; }", number, host)
            for _ in range(20)
        )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(value) for value in found) == sorted(str(2000 * number) for number in range(4) for _ in range(20))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(JSON_VALUES | st.decimals(-(10**9), 10**9, places=4))
def test_i3_values_pass_through_unchanged(value: Value) -> None:
    assert run("value => value", value, HOST) == value
