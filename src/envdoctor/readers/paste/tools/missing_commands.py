"""What shells say of a command that is not there, in the languages of their message catalogues."""

from __future__ import annotations

PHRASES = (
    # bash(1), zsh(1), dash, busybox, fish(1), command-not-found of Debian, container runtimes, Python.
    "command not found",
    "unknown command",
    "executable file not found",
    "no such file or directory",
    "befehl nicht gefunden",
    "kommando nicht gefunden",
    "commande introuvable",
    "orden no encontrada",
    "no se encontró la orden",
    "comando não encontrado",
    "comando non trovato",
    "команда не найдена",
    "未找到命令",
    "找不到命令",
    "コマンドが見つかりません",
    "명령어를 찾을 수 없음",
    "명령을 찾을 수 없습니다",
    "opdracht niet gevonden",
    "nie znaleziono polecenia",
    # cmd.exe and PowerShell.
    "is not recognized",
    "is not recognised",
    "ist entweder falsch geschrieben",
    "wurde nicht als name eines",
    "n'est pas reconnu",
    "no se reconoce",
    "não é reconhecido",
    "non è riconosciuto",
    "не является внутренней",
    "不是内部或外部命令",
    "不是內部或外部命令",
    "项识别为",
    "은(는) 내부 또는 외부 명령",
    "は、内部コマンドまたは外部コマンド",
    # Last, as it is part of others: dash says no more.
    "not found",
)
_BETWEEN = " :'\"`."
_AROUND = 60
"""Characters before and after the command in which the words stand; PowerShell names it twice."""


def says_missing(text: str, command: str) -> bool:
    """Whether a line says that the shell finds no such command ("bash: nvcc: command not found")."""
    at = text.lower().find(command)
    if at < 0:
        return False
    near = text[max(0, at - _AROUND) : at + len(command) + _AROUND].lower()
    for phrase in PHRASES:
        found = near.find(phrase)
        if found < 0:
            continue
        before = near[:found].rstrip(_BETWEEN).removesuffix(".exe")
        if before.endswith(command) or near[found + len(phrase) :].lstrip(_BETWEEN).startswith(command):
            return True
    return False
