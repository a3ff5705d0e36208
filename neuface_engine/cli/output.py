"""What a command says: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

from tqdm import tqdm

_UNITS = {"decode": "frame", "detect": "frame", "crop": "crop", "optimise": "iteration", "render": "frame"}

_SECONDS_BETWEEN_LINES = 10.0


class Output:
    """Results and messages of one command. With `json_wanted` stdout gets exactly one JSON object."""

    def __init__(self, *, json_wanted: bool) -> None:
        self.json_wanted = json_wanted
        self._stdout = sys.stdout
        self._result: dict[str, Any] | None = None
        self._lines: list[str] = []

    def result(self, value: dict[str, Any]) -> None:
        """The object for --json; the first one counts."""
        if self._result is None:
            self._result = value

    def line(self, text: str = "") -> None:
        """A line of the result for people, on stdout at the end."""
        self._lines.append(text)

    def note(self, text: str) -> None:
        tqdm.write(f"neuface: {text}", file=sys.stderr)

    def error(self, text: str) -> None:
        tqdm.write("neuface: error: " + " ".join(text.split()), file=sys.stderr)

    def flush(self) -> None:
        if self.json_wanted:
            print(json.dumps(finite(self._result or {}), ensure_ascii=False), file=self._stdout)
        elif self._lines:
            print("\n".join(self._lines), file=self._stdout)
        self._stdout.flush()


class Progress:
    """A bar for each stage on stderr; where that is no terminal, a line now and then and one when it is done."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._stage: str | None = None
        self._bar: tqdm | None = None
        self._began = self._spoke = 0.0
        self._done = 0
        self._last_words = ""

    def __call__(self, stage: str, done: int, total: int, **figures: str) -> None:
        if stage != self._stage or self._bar is None:
            self.close()
            self._stage, self._began, self._spoke = stage, time.perf_counter(), 0.0
            self._bar = tqdm(
                total=total or None,
                desc=f"{self._title}: {stage}",
                unit=_UNITS.get(stage, "step"),
                file=sys.stderr,
                disable=not sys.stderr.isatty(),
                dynamic_ncols=True,
                leave=True,
            )
        self._done = done
        if figures:
            self._last_words = ", ".join(f"{name} {value}" for name, value in figures.items())
            self._bar.set_postfix(figures, refresh=False)
        if total and self._bar.total != total:
            self._bar.total = total
        if self._bar.disable:
            self._speak(stage, done, total)
        else:
            self._bar.update(done - self._bar.n)

    def _speak(self, stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if now - self._spoke < _SECONDS_BETWEEN_LINES:
            return
        self._spoke = now
        whole = f" of {total}" if total else ""
        words = f" ({self._last_words})" if self._last_words else ""
        print(f"neuface: {self._title}: {stage} {done}{whole}{words}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Ends the stage in hand."""
        if self._bar is None:
            return
        self._bar.close()
        if self._bar.disable:
            seconds = time.perf_counter() - self._began
            unit = _UNITS.get(self._stage or "", "step")
            words = f" ({self._last_words})" if self._last_words else ""
            print(
                f"neuface: {self._title}: {self._stage}: {self._done} {unit}s in {seconds:.1f} s{words}",
                file=sys.stderr,
                flush=True,
            )
        self._bar, self._stage, self._last_words = None, None, ""


def finite(value: Any) -> Any:
    """The value with NaN and infinity, which JSON has not, as None."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def figure(value: float | None) -> str:
    """A number for people: three significant digits, a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.3g}"


def table(rows: list[list[str]]) -> list[str]:
    """Rows as aligned lines: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
