"""The preflight names every number that InvarLock would refuse, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invarlock_rig import make_job, settings_of, spec_of, write_corpus

from validation.invarlock.config import CORPUS_FILE, Slice, parse_settings, parse_slice
from validation.invarlock.preflight import line_problems, load_minimums, number_problems, window_problems
from validation.invarlock.windows import prepare_windows
from validation.job import Fault

BALANCED = load_minimums("balanced")


def words(text: str) -> list[int]:
    """An encoder: one token a word."""
    return [int.from_bytes(word.encode()) for word in text.split()]


def test_settings_at_the_minimums_pass() -> None:
    assert number_problems(settings_of(preview=180, final=180, seq_len=139, stride=139), BALANCED) == []


def test_windows_under_the_minimums_are_named() -> None:
    problems = number_problems(settings_of(preview=150, final=150, seq_len=256, stride=256), BALANCED)
    assert problems == [
        "windows.preview: 150 < 180, the balanced tier's minimum",
        "windows.final: 150 < 180, the balanced tier's minimum",
    ]


def test_replicates_under_the_minimums_are_named() -> None:
    assert number_problems(settings_of(bootstrap=1000), BALANCED) == [
        "bootstrap: 1000 < 1200, the balanced tier's minimum"
    ]


def test_a_stride_that_overlaps_is_named() -> None:
    (problem,) = number_problems(settings_of(stride=64), BALANCED)
    assert problem.startswith("stride: 64 is not seq_len (128)")


def test_unequal_arms_are_named() -> None:
    (problem,) = number_problems(settings_of(final=180, seq_len=256, stride=256), BALANCED)
    assert problem.startswith("windows.final: 180 is not 200")


def test_too_few_tokens_are_named_with_the_length_that_is_enough() -> None:
    (problem,) = number_problems(settings_of(seq_len=64, stride=64), BALANCED)
    assert problem.startswith("seq_len: 200 + 200 windows of 64 tokens are 25600 < 50000 tokens")
    assert "at least 123" in problem  # 400 · 123 = 49200 ≥ 49000, within the tolerance of 2 %
    assert number_problems(settings_of(seq_len=123, stride=123), BALANCED) == []
    assert number_problems(settings_of(seq_len=122, stride=122), BALANCED) != []


@pytest.mark.parametrize(
    ("tier", "windows", "replicates"), [("conservative", 220, 1500), ("aggressive", 140, 800)]
)
def test_each_tier_has_its_own_minimums(tier: str, windows: int, replicates: int) -> None:
    minimums = load_minimums(tier)
    assert (minimums.preview, minimums.final, minimums.bootstrap) == (windows, windows, replicates)


def test_the_dev_profile_has_no_minimums_but_overlap_is_still_refused() -> None:
    settings = settings_of(profile="dev", preview=8, final=8, bootstrap=10, seq_len=64, stride=32)
    (problem,) = number_problems(settings, BALANCED)
    assert problem.startswith("stride")


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(Fault, match="tier: 'bold' is none of aggressive, balanced, conservative"):
        load_minimums("bold")


def test_the_reference_table_is_refused_for_everything_at_once() -> None:
    settings = settings_of(preview=64, final=64, seq_len=512, stride=256, bootstrap=1000)
    starts = [problem.split(":")[0] for problem in number_problems(settings, BALANCED)]
    assert starts == ["windows.preview", "windows.final", "bootstrap", "stride"]


def test_every_run_needs_lines_of_its_own() -> None:
    (problem,) = line_problems(1500, settings_of(), Slice(0, 4))
    assert problem.startswith("corpus: 1500 lines < 1600 = 4 runs × (200 + 200) windows: add 100 lines")
    assert line_problems(1600, settings_of(), Slice(3, 4)) == []


def test_short_lines_are_named() -> None:
    texts = ["a b c d", "a b", "a b c"]
    (problem,) = window_problems(texts, words, settings_of(seq_len=4, stride=4), first=401)
    assert problem.startswith(
        "seq_len: 2 corpus lines have fewer than 4 tokens (line 402 has 2, line 403 has 3)"
    )
    assert "lower seq_len and stride to 2" in problem


def test_lines_that_give_the_same_window_are_named() -> None:
    texts = ["a b c d", "x y z w", "a b other end"]
    (problem,) = window_problems(texts, words, settings_of(seq_len=2, stride=2), first=1)
    assert "line 3 like line 1" in problem


def test_a_run_gets_its_own_slice(tmp_path: Path) -> None:
    texts = [f"w{number} " * 256 for number in range(1200)]
    corpus = write_corpus(tmp_path / "heldout.jsonl", texts)
    spec = {**spec_of(), "window_slice": {"index": 1, "count": 3}}
    job = make_job(tmp_path, "calibrate", spec, {"corpus": corpus})
    prepare_windows(job, parse_settings(spec), parse_slice(spec), lambda: words)
    lines = (job.work / CORPUS_FILE).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == texts[400:800]


def test_all_problems_come_in_one_fault_and_nothing_is_written(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "heldout.jsonl", ["too short", "also short", "also short"])
    corpus.write_text(
        corpus.read_text(encoding="utf-8") + '{"body": "no text"}\nnot json\n', encoding="utf-8"
    )
    spec = spec_of(preview=2, final=2, bootstrap=10)
    job = make_job(tmp_path, "certify", spec, {"corpus": corpus})
    with pytest.raises(Fault) as caught:
        prepare_windows(job, parse_settings(spec), parse_slice(spec), lambda: words)
    assert caught.value.code == "misconfigured"
    for expected in ("windows.preview: 2 < 180", "bootstrap: 10 < 1200", "corpus: line 4 has no text"):
        assert expected in str(caught.value)
    assert not (job.work / CORPUS_FILE).exists()


def test_a_hub_dataset_needs_no_corpus(tmp_path: Path) -> None:
    spec = spec_of(dataset={"provider": "wikitext2", "split": "validation"})
    job = make_job(tmp_path, "calibrate", spec, {})
    prepare_windows(job, parse_settings(spec), parse_slice(spec), lambda: words)
    assert not (job.work / CORPUS_FILE).exists()


def test_a_slice_outside_its_count_is_refused() -> None:
    with pytest.raises(Fault, match="index 4 is not below count 4"):
        parse_slice({"window_slice": {"index": 4, "count": 4}})
