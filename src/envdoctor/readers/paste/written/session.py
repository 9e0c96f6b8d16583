"""Sessions at a Python prompt or a shell: what was asked, and the answer below it or behind an arrow.

An answer belongs to a question only if it reads like one: a version after `torch.__version__`, True or False after
`torch.cuda.is_available()`. Questions that are asked together are answered in their order.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Reading, Stated
from envdoctor.readers.paste.written.clauses import Stance, stance_of
from envdoctor.readers.paste.written.container_words import container_facts
from envdoctor.readers.paste.written.expressions import SOURCE, may_ask, questions_in
from envdoctor.readers.paste.written.variable_words import LISTED, names_one, variables_in
from envdoctor.readers.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from envdoctor.model.paste import Line
    from envdoctor.readers.paste.written.expressions import Question

FORMAT = "session"

LONGEST = 4000
"""Characters of a line that are looked at: search paths are long."""

MOST_QUESTIONS, MOST_OF_EACH = 2000, 300
"""Lines that may ask something, and lines with variables and with containers, that are looked at."""

PATIENCE = 30
"""Lines that may stand between a question and its answer: warnings, the other questions of a script."""

MOST_WAITING = 40

AVAILABLE = "said.cuda_available"

PYTHON_PROMPT = Pattern(r"^\s{0,12}(?:>>>|\.\.\.|In \[\d{0,4}\]:)(?: |$)")
ANSWER_PROMPT = Pattern(
    r"^\s{0,12}(?:Out\[\d{0,4}\]:\s{0,4}|[>#]{1,3}\s{0,3}(?=True|False|\d|'))", words=("out[", ">", "#")
)
SHELL_PROMPT = Pattern(
    r"^\s{0,12}(?:\([\w./ -]{1,60}\)\s{0,2}){0,2}"
    r"(?:[\w.-]{1,40}@[\w.-]{1,80}[: ]?[^\s$#%]{0,200}\s?[$#%]|\[[^\]\n]{3,120}\][$#]|PS [A-Za-z]:[^>\n]{0,200}>"
    r"|[A-Za-z]:\\[^>\n]{0,200}>|[$%\u276f\u279c])(?: |$)"
)
BEHIND = Pattern(
    r"[)`'\"\s]{0,6}(?:(?:->|=>|→|:|=(?!=)|#|returns?|is|gives?|says?|prints?|outputs?|shows?|返回|输出)[\s`]{0,4}"
    r"(?:is |always |still |only ){0,2}[#:\s`]{0,4}|(?=\s(?:True|False)))",
    re.IGNORECASE,
)
"""What stands between a question and an answer in one line."""
LABEL = Pattern(
    r"[^:=\d]{0,40}(?:torch|cuda|gpu|device|version|available|count|mps|cudnn|nccl|capability)[^:=]{0,20}[:=]\s{1,4}",
    re.IGNORECASE,
)
"""What a script prints before the value."""
_PYTHON_VERSION = Pattern(r"^Python (?P<version>[23]\.\d{1,2}\.\d{1,3})(?:rc\d|[ab]\d)?\+?(?:\s|$)")


def read(lines: Sequence[Line]) -> Reading:
    """Read the answers, the variables that are set, and what tells that it happens in a container."""
    answers = _of_failure([*_answers(lines)])
    first: dict[str, Stated] = {}
    for one in (*answers, *_variables(lines), *_pythons(lines), *container_facts(lines, MOST_OF_EACH, FORMAT)):
        first.setdefault(one.name, one)
    return Reading(FORMAT, stated=tuple(first.values()))


def _of_failure(answers: Sequence[Stated]) -> Sequence[Stated]:
    """Return the answers without those of another try, where CUDA was there: who asks is troubled by the other."""
    available = [one.fact.value for one in answers if one.name == AVAILABLE and isinstance(one.fact, Known)]
    if False not in available:
        return answers
    return [
        one
        for one in answers
        if one.name != "cuda.init" and not (one.name == AVAILABLE and isinstance(one.fact, Known) and one.fact.value)
    ]


def _answers(lines: Sequence[Line]) -> Iterator[Stated]:
    waiting: deque[tuple[Question, re.Match[str]]] = deque(maxlen=MOST_WAITING)
    since, left = 0, MOST_QUESTIONS
    for index, line in enumerate(lines):
        text = line.text[:LONGEST]
        asked = []
        if left and may_ask(text):
            left -= 1
            asked = questions_in(text[:1000])
        if waiting and index == since + 1 and PYTHON_PROMPT.match(text):
            yield from _nothing_printed(lines[since], waiting)
        if asked:
            rest = yield from _beside(text, asked, line.number)
            if PYTHON_PROMPT.match(text) or SHELL_PROMPT.match(text):
                waiting.clear()
            waiting.extend(rest)
            since = index
        elif waiting:
            if index - since > PATIENCE:
                waiting.clear()
            elif PYTHON_PROMPT.match(text) and len(text.strip()) > 3:
                # The next command: what was asked before it printed nothing that is of use.
                waiting.clear()
            else:
                yield from _given(text, waiting, line.number)


def _nothing_printed(line: Line, waiting: deque[tuple[Question, re.Match[str]]]) -> Iterator[Stated]:
    """Take a prompt right below a bare expression for None, of which Python prints nothing."""
    prompt = PYTHON_PROMPT.match(line.text)
    if len(waiting) != 1 or prompt is None:
        return
    question, match = waiting[0]
    answer = question.answer.fullmatch("None")
    if answer and match[0].strip() == line.text[prompt.end() : LONGEST].strip():
        waiting.clear()
        yield from _facts(question, match, answer, line.number)


def _beside(
    text: str, asked: Sequence[tuple[Question, re.Match[str]]], number: int
) -> Generator[Stated, None, list[tuple[Question, re.Match[str]]]]:
    """Yield what answers stand in the line of the questions; return the questions that are still open."""
    still = []
    for at, (question, match) in enumerate(asked):
        end = asked[at + 1][1].start() if at + 1 < len(asked) else len(text)
        behind = BEHIND.match(text[match.end() : end])
        answer = None
        if behind:
            rest = text[match.end() + behind.end() : end]
            answer = question.answer.match(rest.strip())
            if answer and re.match(r"[\w.]", rest.strip()[answer.end() :]):
                answer = question.answer.fullmatch(rest.strip().split(" ")[0])
        if answer is None:
            still.append((question, match))
        elif stance_of(text) != Stance.SUPPOSED:
            yield from _facts(question, match, answer, number)
    return still


def _given(text: str, waiting: deque[tuple[Question, re.Match[str]]], number: int) -> Iterator[Stated]:
    """Answer the open questions, in their order, by one line: with one value, or with a tuple of them."""
    plain = ANSWER_PROMPT.sub("", text).strip().strip("`").strip()
    if not plain or len(plain) > 600:
        return
    label = LABEL.match(plain)
    for parts in ((plain,), (plain[label.end() :] if label else "",), _parts(plain, len(waiting))):
        answers = [waiting[at][0].answer.fullmatch(part) for at, part in enumerate(parts) if at < len(waiting)]
        if answers and len(answers) == len(parts) and all(answers):
            for answer in answers:
                question, match = waiting.popleft()
                if answer:
                    yield from _facts(question, match, answer, number)
            return


def _parts(plain: str, most: int) -> tuple[str, ...]:
    """Divide "(True, False)" and "2.1.0 12.1 True" into the values they are printed from."""
    inner = plain[1:-1] if plain.startswith("(") and plain.endswith(")") else plain
    parts = inner.split(", ") if ", " in inner else inner.split()
    return tuple(part.strip(",") for part in parts) if 1 < len(parts) <= most else ("",)


def _facts(question: Question, asked: re.Match[str], answer: re.Match[str], number: int) -> Iterator[Stated]:
    for name, fact in question.facts(asked, answer).items():
        if not name.startswith("env.") or name in LISTED:
            yield Stated(name, fact, number)


def _variables(lines: Sequence[Line]) -> Iterator[Stated]:
    left = MOST_OF_EACH
    for index, line in enumerate(lines):
        text = line.text[:LONGEST]
        if left and names_one(text):
            left -= 1
            below = lines[index + 1].text[:LONGEST] if index + 1 < len(lines) else ""
            for name, fact in variables_in(text, below):
                yield Stated(name, fact, line.number)


def _pythons(lines: Sequence[Line]) -> Iterator[Stated]:
    """Read the banner of the interpreter, with the compiler of Windows, and the answer of `python --version`."""
    for line in lines:
        text = line.text[:200].lstrip()
        match = _PYTHON_VERSION.match(text) if text.startswith("Python ") else None
        if match:
            yield Stated("python.version", Known(match["version"], SOURCE), line.number)
            if "[MSC v." in text:
                yield Stated("host.os", Known("windows", SOURCE), line.number)
