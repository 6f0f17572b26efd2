"""Holds a document to OpenAPI 3.1, and each of its examples to the schema beside it.

    validate.py FILE
"""

import sys

import jsonschema_rs
import yaml
from openapi_spec_validator import validate

with open(sys.argv[1], encoding="utf-8") as file:
    document = yaml.safe_load(file)  # which JSON is, too
validate(document)
if document["openapi"].split(".")[:2] != ["3", "1"]:
    sys.exit("it is not OpenAPI 3.1")

examples = 0


def check(schema, value, place):
    global examples
    examples += 1
    whole = {**schema, "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    for error in validator.iter_errors(value):
        sys.exit(f"{place}: {error.message}")


def resolved(node):
    found = node
    if "$ref" in node:
        found = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
    return found


def visit(node, place):
    if isinstance(node, list):
        for index, item in enumerate(node):
            visit(item, f"{place}/{index}")
    if not isinstance(node, dict):
        return
    if isinstance(node.get("schema"), dict):
        if "example" in node:
            check(node["schema"], node["example"], place)
        for name, example in node.get("examples", {}).items():
            check(node["schema"], resolved(example)["value"], f"{place}/examples/{name}")
    elif isinstance(node.get("examples"), list):
        for example in node["examples"]:
            check({name: part for name, part in node.items() if name != "examples"}, example, place)
    for name, item in node.items():
        visit(item, f"{place}/{name}")


def schemas(node):
    if isinstance(node, dict):
        if isinstance(node.get("schema"), dict):
            yield node["schema"]
        for item in node.values():
            yield from schemas(item)
    elif isinstance(node, list):
        for item in node:
            yield from schemas(item)


for schema in [*schemas(document), *document["components"]["schemas"].values()]:
    jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
visit(document, "")
print(f"{examples} examples")
