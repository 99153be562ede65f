"""Narrative is XHTML that a browser may show."""

import pytest

from bedside.fhir.validation import validate


def issues(div: object) -> list[tuple[str | None, str]]:
    resource = {"resourceType": "Patient", "text": {"status": "generated", "div": div}}
    return [(issue.at, issue.code) for issue in validate(resource)]


def div(content: str, attributes: str = "") -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml"{attributes}>{content}</div>'


ACCEPTED = [
    div("text"),
    div("<p>a <b>b</b></p><table><tr><td>1</td></tr></table>"),
    div("a&nbsp;b &amp; &lt;c&gt; &eacute;"),
    div('<a href="https://a.org">a</a> <a name="x"/> <a href="Patient/1">p</a> <a href="#x">y</a>'),
    div('<img src="data:image/png;base64,QQ==" alt="x"/>'),
    div('<span style="color: red" class="x">a</span>', ' xml:lang="en" lang="en"'),
    div('<td style="background-image: url(data: image/png;base64,QQ==)">a</td>'),
    div('<a href="ftp://a.org/x">a</a>'),
    div("<!-- a comment --> a"),
    '<h:div xmlns:h="http://www.w3.org/1999/xhtml">a</h:div>',
    div("<p>" * 5000 + "a" + "</p>" * 5000),
]


@pytest.mark.parametrize("content", ACCEPTED, ids=lambda content: content[42:80])
def test_formatting_is_accepted(content: str) -> None:
    assert issues(content) == []


UNSAFE = [
    div("a<script>alert(1)</script>"),
    div('a<p onclick="x()">b</p>'),
    div("a", ' onload="x()"'),
    div('<a href="javascript:x()">a</a>'),
    div('<a href=" java&#10;script:x()">a</a>'),
    div('<a href="JaVaScRiPt:x()">a</a>'),
    div('<a href="data:text/html,x">a</a>'),
    div('<img src="vbscript:x"/>'),
    div("a<iframe/>"),
    div("a<object/>"),
    div("a<form><input/></form>"),
    div("a<style>p{}</style>"),
    div('a<link rel="stylesheet" href="http://a"/>'),
    div('a<base href="http://a"/>'),
    div("<body>a</body>"),
    div('<p style="background:url(javascript:x)">a</p>'),
    div('<p style="background:url(//a.org/x)">a</p>'),
    div('<p style="background:url(data: text/html,x)">a</p>'),
    div('<p style="width:expression(x)">a</p>'),
    div("<?php x ?>a"),
    '<!DOCTYPE div [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + div("&b;"),
    '<!DOCTYPE div SYSTEM "file:///etc/passwd">' + div("a"),
    div(""),
    div("  \n "),
    div("<br/>"),
]


@pytest.mark.parametrize("content", UNSAFE)
def test_what_runs_or_hides_is_refused(content: str) -> None:
    assert issues(content) == [("Patient.text.div", "invariant")]


MALFORMED = [
    "text",
    "<div>no namespace</div>",
    '<p xmlns="http://www.w3.org/1999/xhtml">a</p>',
    '<div xmlns="http://www.w3.org/1999/xhtml">open',
    div("<b>a"),
    div("a &nothing; b"),
    div('<svg xmlns="http://www.w3.org/2000/svg"/>a'),
    div("a") + div("b"),
    7,
]


@pytest.mark.parametrize("content", MALFORMED)
def test_what_is_no_xhtml_is_refused(content: object) -> None:
    assert issues(content) == [("Patient.text.div", "value")]


def test_narrative_has_a_status_and_a_text() -> None:
    assert [issue.at for issue in validate({"resourceType": "Patient", "text": {"id": "a"}})] == [
        "Patient.text.div",
        "Patient.text.status",
    ]
