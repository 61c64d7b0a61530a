#!/usr/bin/env python3
"""PyTorch's answers to the questions of test/long/fuzz.ts: answers.py QUESTIONS ANSWERS.

Both files: u32 little endian, length of the header | header: JSON padded to 4 bytes modulo 8 | numbers: f64, little endian. The header of the questions is a list of
{ torch: expression, case: as in test/fixtures/make.py, with `offset` instead of `data` }; that of the answers a list of { outputs, gradients } or { error }.
"""

import json
import math
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fixtures"))

import make  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402


def main(questions, answers):
    torch.set_num_threads(1)
    content = pathlib.Path(questions).read_bytes()
    (length,) = struct.unpack_from("<I", content)
    numbers = np.frombuffer(content, "<f8", offset=4 + length)
    payload, header = make.Payload(), []
    for question in json.loads(content[4 : 4 + length]):
        case = question["case"]
        for spec in case["inputs"] + case["cotangents"]:
            spec["data"] = numbers[spec["offset"] : spec["offset"] + math.prod(spec["shape"])]
        try:
            outputs, gradients = make.answer(question, case)
            header.append({"outputs": [payload.add(y) for y in outputs], "gradients": [payload.add(g) for g in gradients]})
        except Exception as error:
            header.append({"error": f"{type(error).__name__}: {error}"})
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * ((4 - len(text)) % 8)
    pathlib.Path(answers).write_bytes(struct.pack("<I", len(text)) + text + b"".join(payload.parts))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
