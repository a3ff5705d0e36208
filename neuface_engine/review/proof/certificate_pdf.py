"""The certificate on paper: one page that says what was proven, how, and how to check it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from neuface_engine.errors import ProjectError
from neuface_engine.files import written_whole
from neuface_engine.review.proof.planting import KINDS
from neuface_engine.review.proof.readout import percent, percent_down

_INK, _GREY, _LINE = "#1B2028", "#5B6470", "#D4D9E0"
_GOOD, _BAD = "#1E7B4A", "#A85B00"
_MOST_NAMES = 12


def write_pdf(certificate: Mapping[str, Any], path: Path, *, title: str) -> None:
    """Draws the certificate (JSON values of `certify`) as a PDF. Raises ProjectError where the disk refuses.

    Letters that the PDF's standard fonts do not have are drawn as question marks; the JSON has them all.
    """
    data = _draw(certificate, title)
    with written_whole(path, ProjectError) as stream:
        stream.write(data)


def _draw(certificate: Mapping[str, Any], title: str) -> bytes:
    from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
    from reportlab.lib.units import mm  # type: ignore[import-untyped]
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer  # type: ignore[import-untyped]

    styles = _styles()
    passes = certificate["passes"] and certificate["final"]
    colour = _GOOD if passes else _BAD
    heading = "Proven" if passes else ("Not proven" if certificate["final"] else "Not finished")
    story: list[Any] = [
        Paragraph("Certificate of an audit", styles["small"]),
        Paragraph(_safe(title), styles["title"]),
        _banner(heading, certificate["statement"], colour, styles),
        Spacer(1, 3 * mm),
        *_section("What was proven", _proven(certificate), styles),
        *_section("How", _how(certificate), styles),
        *_section("Who, and were they watching", _who(certificate), styles),
    ]
    if certificate["plants"]["judged"]:
        story += [Paragraph("Planted failures caught", styles["heading"]), _plants(certificate, styles)]
    story += _section("To check it", _check(certificate), styles)
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=16 * mm,
        bottomMargin=14 * mm,
        title=f"Certificate: {title}",
        author="NeuFace Studio",
        invariant=1,
    )
    document.build(story)
    return buffer.getvalue()


def _proven(c: Mapping[str, Any]) -> list[tuple[str, str]]:
    bound, population = c["bound"], c["population"]
    failing = f" = {bound['failing']:,} sequences" if bound["failing"] is not None else ""
    people = (
        f" of {population['identities']:,} people"
        if population["identities"] < population["sequences"]
        else ""
    )
    return [
        (
            "Failure rate",
            f"at most {percent(bound['rate'])}{failing}, confidence {100 * bound['confidence']:g} %",
        ),
        ("Limit", f"below {100 * bound['limit']:g} %: {'met' if c['passes'] else 'not met'}"),
        ("List", f"{population['sequences']:,} sequences{people}"),
        ("A failure is", c["definition_of_failure"]),
        (
            "Sensitivity",
            f"reviewers see at least {percent_down(bound['sensitivity_at_least'])} of failures (measured, folded in)"
            if bound["sensitivity_measured"]
            else "not measured: that reviewers see every failure is taken for granted",
        ),
    ]


def _how(c: Mapping[str, Any]) -> list[tuple[str, str]]:
    plan, draws, draw = c["plan"], c["draws"], c["draw"]
    kind = (
        f"fixed: {plan['draws']:,} draws, {plan['allowed']} may fail"
        if plan["kind"] == "fixed"
        else f"betting on {100 * plan['target']:g} %, watched while it grew"
    )
    order = "one clip of each person first" if plan["order"] == "identity" else "uniform over sequences"
    failing = draws["failing"]
    names = ", ".join(failing[:_MOST_NAMES]) + (", ..." if len(failing) > _MOST_NAMES else "")
    rows = [
        ("Plan", f"{kind}; {order}; {c['bound']['method']} bound"),
        ("Drawn", f"{draw['time'][:19].replace('T', ' ')} UTC by {draw['reviewer']}, seed {draw['seed']}"),
        (
            "",
            f"{draw['verdicts_before']:,} verdicts were on record before; audits drawn so far: {draw['audits_drawn']}",
        ),
        (
            "Draws",
            f"{draws['judged']:,} judged: {draws['clean']:,} clean, {draws['failures']:,} failed; "
            f"{draws['not_judged']:,} not judged, {draws['not_watched']:,} not watched",
        ),
    ]
    if failing:
        rows.append(("Failed", names))
    if draws["rejected_once_but_not_now"]:
        rows.append(("Changed", f"rejected once, but clean now: {draws['rejected_once_but_not_now']:,}"))
    return rows


def _who(c: Mapping[str, Any]) -> list[tuple[str, str]]:
    watched, double, clusters = c["plan"]["watched"], c["double_reviews"], c["clusters"]
    views = "every view" if watched["every_view"] else "any view"
    rows = [
        (
            "Reviewers",
            ", ".join(f"{name} ({count:,})" for name, count in c["reviewers"].items()) or "none yet",
        ),
        (
            "A pass counts if",
            f"{100 * watched['frames']:g} % of frames and {views} were shown, for {watched['seconds']:g} s or more",
        ),
    ]
    if c["watched"]["stated"]:
        basis = c["watched"]
        rows.append(
            (
                "Watched",
                f"{basis['measured']:,} clean draws as the window measured; {basis['stated']:,} by the reviewers' "
                f"word, {basis['handed_out']:,} of these on clips that the program handed out",
            )
        )
    if double["tracks"]:
        ac1, failures = double["ac1"], double["on_failures"]
        on = "-" if failures["value"] is None else f"{failures['value']:.2f}"
        rows.append(
            (
                "Double reviews",
                f"{double['tracks']:,} tracks, {double['disagreements']} differ; AC1 {_two(ac1)}; on failures {on}",
            )
        )
    if clusters["people_in_sample"] and clusters["design_effect"] > 1:
        rows.append(
            (
                "People",
                f"{clusters['people_in_sample']:,} in the sample: worth {clusters['effective_sample']:,.0f} "
                f"independent clips for people not in the list (ICC {clusters['icc']:g})",
            )
        )
    return rows


def _check(c: Mapping[str, Any]) -> list[tuple[str, str]]:
    logs = [
        f"{name or 'review'}: {log['lines']:,} lines, {log['hash'][:32]}" for name, log in c["logs"].items()
    ]
    made = c.get("made", {})
    versions = ", ".join(f"{name} {value}" for name, value in made.items() if name != "time")
    return [
        ("Command", "neuface review certify PROJECT --verify CERTIFICATE.json"),
        ("List, sha256", c["population"]["hash"]),
        ("Logs, sha256", "; ".join(logs[:6]) + (f"; and {len(logs) - 6} more" if len(logs) > 6 else "")),
        ("Made", f"{made.get('time', '')[:19].replace('T', ' ')} UTC with {versions}"),
    ]


def _two(share: Mapping[str, float]) -> str:
    return (
        "-" if share["value"] is None else f"{share['value']:.2f} ({share['low']:.2f} to {share['high']:.2f})"
    )


def _banner(heading: str, statement: str, colour: str, styles: Mapping[str, Any]) -> Any:
    from reportlab.lib.colors import HexColor  # type: ignore[import-untyped]
    from reportlab.platypus import Paragraph, Table, TableStyle

    cell = [
        Paragraph(f'<font color="{colour}"><b>{heading}</b></font>', styles["verdict"]),
        Paragraph(_safe(statement), styles["statement"]),
    ]
    table = Table([[cell]], colWidths=["100%"])
    style = [
        ("LINEBEFORE", (0, 0), (0, -1), 4, HexColor(colour)),
        ("BACKGROUND", (0, 0), (-1, -1), HexColor("#F5F7F9")),
        ("LEFTPADDING", (0, 0), (-1, -1), 10),
        ("TOPPADDING", (0, 0), (-1, -1), 7),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 9),
    ]
    table.setStyle(TableStyle(style))
    return table


def _section(name: str, rows: Sequence[tuple[str, str]], styles: Mapping[str, Any]) -> list[Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, Table, TableStyle

    cells = [[Paragraph(_safe(a), styles["label"]), Paragraph(_safe(b), styles["body"])] for a, b in rows]
    table = Table(cells, colWidths=[32 * mm, None])
    table.setStyle(TableStyle([*_TIGHT, ("LINEABOVE", (0, 0), (-1, 0), 0.6, HexColor(_LINE))]))
    return [Paragraph(name, styles["heading"]), table]


_TIGHT = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ("TOPPADDING", (0, 0), (-1, -1), 1.6),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1.6),
]


def _plants(c: Mapping[str, Any], styles: Mapping[str, Any]) -> Any:
    """All, by severity and by kind, each with its exact interval."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, Table, TableStyle

    plants = c["plants"]
    entries = [("all", plants["all"]["all"])]
    entries += [(f"severity {name}", share) for name, share in plants["severity"].items()]
    entries += [(KINDS.get(name, name), share) for name, share in plants["kind"].items()]
    half = (len(entries) + 1) // 2
    columns = [entries[:half], entries[half:]]
    rows = []
    for number in range(half):
        row: list[Any] = []
        for column in columns:
            name, share = column[number] if number < len(column) else ("", None)
            words = "" if share is None else f"{share['caught']} of {share['planted']}"
            between = (
                f"{percent_down(share['low'])} to {percent_down(share['high'])}"
                if share and share["planted"]
                else ""
            )
            row += [
                Paragraph(_safe(name), styles["label"]),
                Paragraph(words, styles["body"]),
                Paragraph(between, styles["body"]),
            ]
        rows.append(row)
    table = Table(rows, colWidths=[37 * mm, 18 * mm, 30 * mm] * 2, hAlign="LEFT")
    table.setStyle(TableStyle([*_TIGHT, ("LINEABOVE", (0, 0), (-1, 0), 0.6, HexColor(_LINE))]))
    return table


def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]

    base = ParagraphStyle("base", fontName="Helvetica", fontSize=9, leading=11.5, textColor=HexColor(_INK))

    def style(name: str, **changes: Any) -> ParagraphStyle:
        return ParagraphStyle(name, parent=base, **changes)

    return {
        "small": style("small", textColor=HexColor(_GREY), fontSize=9),
        "title": style("title", fontName="Helvetica-Bold", fontSize=18, leading=22, spaceAfter=8),
        "verdict": style("verdict", fontSize=12, leading=15, spaceAfter=3),
        "statement": style("statement", fontSize=11, leading=14.5),
        "heading": style(
            "heading", fontName="Helvetica-Bold", fontSize=10.5, leading=13, spaceBefore=9, spaceAfter=3
        ),
        "label": style("label", textColor=HexColor(_GREY)),
        "body": style("body", splitLongWords=1),
    }


def _safe(text: str) -> str:
    """Text fit for the standard fonts and for reportlab's mark-up."""
    return escape(text.encode("cp1252", "replace").decode("cp1252"))
