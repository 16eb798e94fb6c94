"""Windows counted with a real tokenizer and InvarLock's own providers: too few, exactly enough, plenty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from invarlock_rig import SPEC, write_corpus

from validation.doctor.lines import count_lines
from validation.doctor.rows import count_rows
from validation.doctor.windows import check, windows
from validation.facts.corpus import held_out
from validation.facts.model import build_tokenizer
from validation.invarlock.adapter import link_model, load_tokenizer
from validation.invarlock.config import dataset_seed, parse_settings
from validation.invarlock.preflight import load_minimums
from validation.invarlock.window_count import draw

SOURCE = {"type": "facts", "architecture": "llama"}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return held_out()


def question(corpus: Path | None, runs: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "model": "tiny",
        "size_class": "tiny",
        "source": SOURCE,
        "link": "/nowhere",
        "invarlock": {**SPEC, **changes},
        "runs": [{"run": i + 1, "window_slice": {"index": i, "count": runs}} for i in range(runs)],
        "corpus": None if corpus is None else str(corpus),
    }


def proposed(fix: str) -> dict[str, int]:
    """The numbers a fix names, read as suite.yaml would read them."""
    begin = fix.index("windows: {")
    found: dict[str, int] = yaml.safe_load(fix[begin : fix.index("}}" if "}}" in fix else "} }") + 3])[
        "windows"
    ]["tiny"]
    return found


class TestLocalCorpus:
    @pytest.mark.parametrize("spare", [0, 37])
    def test_enough_lines_are_enough(self, tmp_path: Path, texts: list[str], spare: int) -> None:
        corpus = write_corpus(tmp_path / "c.jsonl", texts[: 800 + spare])
        found = check(question(corpus, runs=2), offline=True)
        assert found["level"] == "ok", found
        assert f"800 of {800 + spare} lines, at least 51200 tokens a run (49000 needed)" in found["message"]

    def test_one_line_too_few_gets_the_largest_choice_and_that_is_valid(
        self, tmp_path: Path, texts: list[str]
    ) -> None:
        corpus = write_corpus(tmp_path / "c.jsonl", texts[:799])
        found = check(question(corpus, runs=2), offline=True)
        assert found["level"] == "error"
        assert "799 lines < 800" in found["message"]
        choice = proposed(found["fix"])
        # One window less an arm of each run, and as long as the shortest line.
        assert choice["preview"] == choice["final"] == 199
        assert choice["seq_len"] == choice["stride"] >= 128
        again = check(question(corpus, runs=2, **choice), offline=True)
        assert again["level"] == "ok", again

    def test_lines_that_are_short_lower_seq_len_while_the_tokens_last(
        self, tmp_path: Path, texts: list[str]
    ) -> None:
        short = " ".join(texts[0].split()[:100])
        corpus = write_corpus(tmp_path / "c.jsonl", [*texts[1:500], short])
        # The short line is not among the lines that the run reads.
        assert check(question(corpus), offline=True)["level"] == "ok"
        corpus = write_corpus(tmp_path / "c.jsonl", [short, *texts[1:600]])
        found = check(question(corpus), offline=True)
        assert "1 corpus lines have fewer than 128 tokens" in found["message"]
        choice = proposed(found["fix"])
        assert choice["preview"] == 300
        assert choice["seq_len"] < 128
        assert check(question(corpus, **choice), offline=True)["level"] == "ok"

    def test_a_corpus_without_any_valid_choice_says_what_one_needs(
        self, tmp_path: Path, texts: list[str]
    ) -> None:
        corpus = write_corpus(tmp_path / "c.jsonl", texts[:300])
        found = check(question(corpus), offline=True)
        assert found["level"] == "error"
        assert "1 runs need 360 different lines, of 137 tokens or more" in found["fix"]

    def test_lines_alike_are_reported(self, tmp_path: Path, texts: list[str]) -> None:
        corpus = write_corpus(tmp_path / "c.jsonl", [*texts[:399], texts[0]])
        found = check(question(corpus), offline=True)
        assert found["level"] == "error"
        assert "line 400 like line 1" in found["message"]

    def test_models_of_one_tokenizer_are_counted_once(
        self, tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = question(write_corpus(tmp_path / "c.jsonl", texts[:400]))
        counts: list[Any] = []

        def counted(*given: Any) -> Any:
            counts.append(given)
            return count_lines(*given)

        monkeypatch.setattr("validation.doctor.windows.count_lines", counted)
        both = list(windows({"windows": [asked, asked | {"model": "other"}], "work": str(tmp_path / "work")}))
        assert [each["what"] for each in both] == ["windows of tiny", "windows of other"]
        assert both[0]["message"] == both[1]["message"] and len(counts) == 1

    def test_numbers_below_the_minimums_need_no_counting(self, tmp_path: Path) -> None:
        found = check(question(tmp_path / "none", preview=100), offline=True)
        assert "windows.preview: 100 < 180" in found["message"]


@pytest.fixture
def wikitext(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A directory that `load_dataset("wikitext", "wikitext-2-raw-v1")` takes for the data set."""
    home = tmp_path / "wikitext"
    home.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")

    def write(rows: list[str]) -> None:
        # Rows as in the original: empty lines and headings between the paragraphs.
        spread = [row for text in rows for row in ("", " = A = ", text)]
        lines = "".join(json.dumps({"text": row}) + "\n" for row in spread)
        # InvarLock asks for the first 2000 rows, and datasets refuses a slice that is longer than its data.
        lines += (json.dumps({"text": ""}) + "\n") * max(0, 2000 - len(spread))
        (home / "validation.jsonl").write_text(lines)
        config = {
            "config_name": "wikitext-2-raw-v1",
            "data_files": [{"split": "validation", "path": "validation.jsonl"}],
        }
        (home / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': [config]})}---\n")

    return write


def rows_question(**changes: Any) -> dict[str, Any]:
    dataset = {"provider": "wikitext2", "split": "validation"}
    return question(None, runs=3, dataset=dataset, **changes)


class TestWikitext:
    def test_plenty(self, wikitext: Any, texts: list[str]) -> None:
        wikitext(texts[:600])
        found = check(rows_question(), offline=True)
        assert found["level"] == "ok", found
        assert "200 + 200 windows of 128 tokens, 600 rows (validation)" in found["message"]

    def test_exactly_enough(self, wikitext: Any, texts: list[str]) -> None:
        wikitext(texts[:400])
        assert check(rows_question(), offline=True)["level"] == "ok"

    def test_one_too_few_proposes_what_there_is(self, wikitext: Any, texts: list[str]) -> None:
        wikitext(texts[:399])
        found = check(rows_question(), offline=True)
        assert found["level"] == "error"
        assert "too few rows" in found["message"]
        assert "the largest valid choice is 199 + 199" in found["fix"]
        choice = proposed(found["fix"])
        assert 180 <= choice["preview"] < 199
        assert check(rows_question(**choice), offline=True)["level"] == "ok"

    def test_rows_alike_are_reported(self, wikitext: Any, texts: list[str]) -> None:
        # InvarLock draws rows alike whatever the number of windows that the tier allows, and would drop them.
        wikitext([*texts[:395], *texts[:5]])
        found = check(rows_question(), offline=True)
        assert found["level"] == "error"
        assert "are like another one" in found["message"]
        assert "No windows of it are valid" in found["fix"]

    def test_too_few_tokens_asks_for_more_windows(self, wikitext: Any, texts: list[str]) -> None:
        wikitext([" ".join(text.split()[:75]) for text in texts[:660]])
        found = check(rows_question(), offline=True)
        assert found["level"] == "error"
        assert "tokens in a run without padding" in found["message"]
        choice = proposed(found["fix"])
        assert choice["preview"] > 200
        assert check(rows_question(**choice), offline=True)["level"] == "ok"

    def test_rows_cut_too_short_ask_for_a_longer_seq_len(self, wikitext: Any, texts: list[str]) -> None:
        wikitext(texts[:400])
        numbers = {"seq_len": 123, "stride": 123, "preview": 200, "final": 200}
        assert check(rows_question(**numbers), offline=True)["level"] == "ok"
        numbers = {"seq_len": 137, "stride": 137, "preview": 180, "final": 180}
        found = check(rows_question(**numbers), offline=True)
        assert found["level"] == "error", found
        choice = proposed(found["fix"])
        assert choice["seq_len"] >= 137
        assert check(rows_question(**choice), offline=True)["level"] in ("ok", "warning")

    def test_padding_is_reported_with_a_shorter_seq_len_of_the_same_windows(
        self, wikitext: Any, texts: list[str]
    ) -> None:
        wikitext(texts[:500])
        numbers = {"seq_len": 2048, "stride": 2048}
        found = check(rows_question(**numbers), offline=True)
        assert found["level"] == "warning"
        choice = proposed(found["fix"])
        assert choice["seq_len"] in (128, 192)
        again = check(rows_question(**choice), offline=True)
        assert again["level"] == "ok"
        tokens = found["message"].split("at least ")[1].split()[0]
        assert f"at least {tokens} tokens" in again["message"]

    def test_without_the_text_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        found = check(rows_question(), offline=True)
        assert found["level"] == "warning"
        assert "wikitext2 cannot be loaded" in found["message"]


def test_it_counts_what_the_provider_gives(wikitext: Any, texts: list[str], tmp_path: Path) -> None:
    """The very windows of a run: the provider's own, whatever the doctor says of them."""
    from invarlock.eval.data import get_provider

    wikitext(texts[:420])
    made = tmp_path / "model"
    build_tokenizer().save_pretrained(made)
    (made / "config.json").write_text('{"model_type": "gpt2"}')
    tokenizer = load_tokenizer(tmp_path, link_model(tmp_path, "baseline", made))
    settings = parse_settings({"invarlock": rows_question()["invarlock"]})
    provider = get_provider("wikitext2", emit=lambda *_: None)
    preview, final = provider.windows(
        tokenizer, seq_len=128, stride=128, preview_n=200, final_n=200, seed=dataset_seed(2)
    )
    drawn = draw(get_provider("wikitext2", emit=lambda *_: None), tokenizer, settings, dataset_seed(2))
    assert drawn.windows == len(preview) + len(final)
    assert drawn.tokens == sum(sum(mask) for arm in (preview, final) for mask in arm.attention_masks)
    said = count_rows("windows of tiny", rows_question(), settings, load_minimums("balanced"), tokenizer)
    assert said["level"] == "ok"
