"""Makes the folder that `npm run bench -- --peer-model transformers=FOLDER` takes, out of a GGUF file.

    python3 -m venv .venv
    .venv/bin/pip install torch transformers accelerate gguf onnx onnx-ir onnxruntime onnxruntime-genai
    .venv/bin/python bench/peers/onnx-model.py model.gguf FOLDER            # 4-bit weights, f16 activations: GPUs
    .venv/bin/python bench/peers/onnx-model.py model.gguf FOLDER --type q4  # 4-bit weights, f32: software adapters, wasm

transformers dequantises the weights, and onnxruntime-genai's model builder writes them in its own 4 bits (blocks of 32
with one scale, as Q4_0 has them). Both types may be in one folder. For a moment all weights are in memory twice, as
float32. Tried with torch 2.15.0, transformers 5.23.0, onnxruntime-genai 0.18.0.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

# what the builder writes for, and whether output and embedding share their bytes, which ONNX Runtime's wasm cannot read
TYPES = {"q4f16": ("webgpu", True), "q4": ("cpu", False)}


def dequantise(file: Path, folder: Path) -> None:
    """Writes the file's weights as float32 in Hugging Face's layout."""
    loaded = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # or transformers refuses to write what is float32 by now
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)  # the builder wants one


def fix_cache_shape(model: onnx.ModelProto, config: dict) -> None:
    """Puts the size of a head into the cache's shapes: Transformers.js takes the name that stands there for 0."""
    size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    for value in [*model.graph.input, *model.graph.output]:
        if value.name.startswith(("past_key_values.", "present.")):
            value.type.tensor_type.shape.dim[3].dim_value = size


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--type", choices=TYPES, default="q4f16")
    options = parser.parse_args()
    (options.folder / "onnx").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        floats, built = Path(work, "floats"), Path(work, "built")
        dequantise(options.file.resolve(), floats)
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", floats, "-o", built, "-c", work]
        target, shared = TYPES[options.type]
        how = ["-p", "int4", "-e", target, "--extra_options", "hf_token=false"]
        how += [] if shared else ["shared_embeddings=false"]
        subprocess.run([*builder, *how], check=True, stdout=subprocess.DEVNULL)
        model = onnx.load(built / "model.onnx")  # with the weights that stand beside it
        fix_cache_shape(model, json.loads((floats / "config.json").read_text()))
        onnx.save_model(model, options.folder / "onnx" / f"model_{options.type}.onnx")
        for name in ["config.json", "generation_config.json"]:
            shutil.copy(floats / name, options.folder / name)


main()
