#!/usr/bin/env python3
"""Counts the lines of code of each package: without blank lines, comments and documentation.

    lines.py [--check FILE]    prints the table for packages/README.md, or looks whether it is there
"""

import ast
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
FILES = {
    "Python": ["python/src/tollgate_client/__init__.py", "python/src/tollgate_client/httpx.py"],
    "Node": ["node/src/index.cjs", "node/src/index.mjs"],
    "Go": ["go/tollgate.go"],
    "Java": [f"java/src/main/java/io/github/tollgateauth/client/Tollgate{part}.java" for part in ("", "Exception", "HttpClient", "Interceptor")],
    "PHP": [f"php/src/{name}.php" for name in ("Tollgate", "Client", "Cache", "TollgateException")],
}


def documentation(text):
    """The numbers of the lines that Python's docstrings take."""
    lines = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
            first = node.body[0]
            lines.update(range(first.lineno, first.end_lineno + 1))
    return lines


def code(path):
    text = path.read_text()
    if path.suffix == ".py":
        aside = documentation(text)
        return sum(n not in aside and bool(re.match(r"\s*[^\s#]", line)) for n, line in enumerate(text.splitlines(), 1))
    text = re.sub(r"^\s*/\*.*?\*/", "", text, flags=re.DOTALL | re.MULTILINE)
    return sum(bool(line.strip()) and not line.strip().startswith("//") for line in text.splitlines())


def table():
    rows = ["| | lines of code | by file |", "| --- | --- | --- |"]
    for language, files in FILES.items():
        counts = {pathlib.Path(name).name: code(HERE / name) for name in files}
        parts = ", ".join(f"{name} {count}" for name, count in counts.items())
        rows.append(f"| {language} | {sum(counts.values())} | {parts} |")
    return "\n".join(rows) + "\n"


if sys.argv[1:2] == ["--check"]:
    if table() not in pathlib.Path(sys.argv[2]).read_text():
        sys.exit(f"{sys.argv[2]} has other numbers than these:\n{table()}")
else:
    print(table(), end="")
