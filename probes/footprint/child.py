"""The process that traces: requests by stdin, one JSON line a footprint on stdout."""

from __future__ import annotations

import json
import os
import sys
import warnings

from probes.footprint.settings import Architecture, Setting
from probes.sinks import one_line


def main() -> None:
    """Answer all settings of a request; what the libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    architecture = Architecture.model_validate_json(json.dumps(request["architecture"]))
    for told in request["settings"]:
        setting = Setting.model_validate_json(json.dumps(told))
        answers.write(answer(architecture, setting, whole=request["whole"]) + "\n")
        answers.flush()


def answer(architecture: Architecture, setting: Setting, *, whole: bool) -> str:
    """The footprint as a JSON line, or why there is none."""
    try:
        import torch

        torch.set_num_threads(1)
        from probes.footprint.predict import predict

        return predict(architecture, setting, whole=whole).model_dump_json()
    # The libraries have no common error for what they cannot build or trace; their words say it.
    except Exception as error:
        said = f"{type(error).__name__}: {one_line(str(error), 160)}"
        return json.dumps({"failed": said, "missing": getattr(error, "name", None)})


if __name__ == "__main__":
    main()
