"""Perplexity of SmolLM2 in many file types, in intab and in llama.cpp, on the same file and the same tokens.

    python3 -m venv .venv && .venv/bin/pip install llama-cpp-python==0.3.36   # compiles llama.cpp: 10 minutes and more
    .venv/bin/python scripts/perplexity.py [--tokens 256] [--types Q8_0,Q4_K_M] [--folder DIR]

Requantises the Q4_1 file that `npm run ask -- --model smollm2` fetches (pass another by --model), scores the first tokens of each
window of tests/golden/smollm2/perplexity.json with both, and prints a table. llama.cpp runs on the CPU, twice: on the file, where it rounds
activations to 8 bits, which moves its perplexity by about 1 %, and on the same weights written as F32, where it does not. intab
runs in the Chromium that `npm run ask` finds. Exit status 1 if any type is more than 1 % off the latter.
"""

import argparse
import ctypes
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import llama_cpp
import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
TYPES = ["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K", "IQ4_XS"]
LIMIT = 0.01


def quantise(source: pathlib.Path, target: pathlib.Path, kind: str) -> None:
    """Writes `target` unless it is there. IQ types below 4 bits would want an importance matrix."""
    if target.exists():
        return
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_ALL_F32 if kind == "F32" else getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
    params.allow_requantize = True
    partial = target.with_suffix(".partial")
    if llama_cpp.llama_model_quantize(str(source).encode(), str(partial).encode(), ctypes.byref(params)) != 0:
        sys.exit(f"llama.cpp could not write {kind}")
    partial.rename(target)


def llamacpp_nll(file: pathlib.Path, windows: list[list[int]]) -> float:
    """Mean negative log-likelihood, in nats, of all ids but the first of each window."""
    longest = max(len(ids) for ids in windows)
    model = llama_cpp.Llama(str(file), n_ctx=longest, n_batch=longest, logits_all=True, verbose=False)
    losses: list[float] = []
    for ids in windows:
        model.reset()
        model.eval(ids)
        scores = numpy.asarray(model.scores[: len(ids)], dtype=numpy.float64)
        for row, target in zip(scores[:-1], ids[1:]):
            largest = row.max()
            losses.append(largest + math.log(numpy.exp(row - largest).sum()) - row[target])
    return sum(losses) / len(losses)


def intab_nll(file: pathlib.Path, windows: list[list[int]]) -> float:
    total = 0.0
    for ids in windows:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as listed:
            json.dump(ids, listed)
            listed.flush()
            command = ["node", "scripts/ask.mjs", "--model", str(file), "--ids-file", listed.name, "--perplexity", "--json"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        total += json.loads(done.stdout)["meanNegativeLogLikelihood"] * (len(ids) - 1)
    return total / sum(len(ids) - 1 for ids in windows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = pathlib.Path.home() / ".cache" / "intab"
    parser.add_argument("--model", type=pathlib.Path, default=cache / "SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--folder", type=pathlib.Path, default=cache / "requantised")
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--tokens", type=int, default=256, help="of each window")
    parser.add_argument("--windows", type=int, default=5)
    options = parser.parse_args()
    if not options.model.exists():
        sys.exit(f"{options.model} is not there: npm run ask -- --model smollm2 Hello fetches it")
    options.folder.mkdir(parents=True, exist_ok=True)
    golden = json.loads((ROOT / "tests/golden/smollm2/perplexity.json").read_text())["windows"]
    windows = [window["ids"][: options.tokens] for window in golden[: options.windows]]
    print("| Type | intab | llama.cpp, weights as F32 | Difference | llama.cpp, the file | Difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    worst = 0.0
    for kind in options.types.split(","):
        file = options.folder / f"{options.model.stem.split('.')[0]}.{kind}.gguf"
        quantise(options.model, file, kind)
        exact_file = file.with_suffix(".F32.gguf")
        quantise(file, exact_file, "F32")
        ours, exact, native = (
            math.exp(loss)
            for loss in (intab_nll(file, windows), llamacpp_nll(exact_file, windows), llamacpp_nll(file, windows))
        )
        exact_file.unlink()
        worst = max(worst, abs(ours / exact - 1))
        off = [f"{100 * (ours / theirs - 1):+.2f} %" for theirs in (exact, native)]
        print(f"| {kind} | {ours:.3f} | {exact:.3f} | {off[0]} | {native:.3f} | {off[1]} |", flush=True)
    sys.exit(1 if worst > LIMIT else 0)


main()
