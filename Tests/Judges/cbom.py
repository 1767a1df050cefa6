"""The schema of CycloneDX 1.6, from the library of its authors: what breaks it, or nothing.

Arguments: the files of documents.
"""

import importlib.util
import json
import pathlib
import sys

import fastjsonschema

package = pathlib.Path(importlib.util.find_spec("cyclonedx").submodule_search_locations[0])


def schema(address):
    name = address.split("/")[-1].split("#")[0].replace(".SNAPSHOT", "").removesuffix(".schema.json")
    return json.loads((package / "schema" / "_res" / f"{name}.SNAPSHOT.schema.json").read_text())


validate = fastjsonschema.compile(schema("bom-1.6.schema.json"), handlers={"http": schema})
for file in sys.argv[1:]:
    document = json.loads(pathlib.Path(file).read_text())
    validate(document)
    references = [part["bom-ref"] for part in document["components"]] + [document["metadata"]["component"]["bom-ref"]]
    assert len(set(references)) == len(references), "a reference names two parts"
    for part in document["dependencies"]:
        assert set([part["ref"], *part["dependsOn"]]) <= set(references), f"{part['ref']} rests on what is not there"

    def look(value):
        if isinstance(value, dict):
            for name, inner in value.items():
                if name.endswith("Ref"):
                    assert inner in references, f"{name} {inner} is not there"
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(document["components"])
    print(len(references))
