import { UnsupportedModelError } from "../errors.ts";
import type { Architecture } from "./architecture.ts";
import { bert } from "./architectures/bert.ts";
import { gemma } from "./architectures/gemma.ts";
import { gemma2 } from "./architectures/gemma2.ts";
import { gemma3 } from "./architectures/gemma3.ts";
import { gemma4 } from "./architectures/gemma4.ts";
import { gptOss } from "./architectures/gpt-oss.ts";
import { granite } from "./architectures/granite.ts";
import { graniteHybrid } from "./architectures/granite-hybrid.ts";
import { lfm2 } from "./architectures/lfm2.ts";
import { llama } from "./architectures/llama.ts";
import { mistral3 } from "./architectures/mistral3.ts";
import { nemotronH } from "./architectures/nemotron-h.ts";
import { nomicBert } from "./architectures/nomic-bert.ts";
import { olmo2 } from "./architectures/olmo2.ts";
import { olmoe } from "./architectures/olmoe.ts";
import { phi3 } from "./architectures/phi3.ts";
import { qwen2 } from "./architectures/qwen2.ts";
import { qwen2moe } from "./architectures/qwen2moe.ts";
import { qwen3 } from "./architectures/qwen3.ts";
import { qwen3moe } from "./architectures/qwen3moe.ts";
import { qwen35, qwen35moe } from "./architectures/qwen35.ts";
import { smollm3 } from "./architectures/smollm3.ts";
import { stablelm } from "./architectures/stablelm.ts";
import { starcoder2 } from "./architectures/starcoder2.ts";

/** By `general.architecture`. */
const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map([
  ["llama", llama],
  ["mistral3", mistral3],
  ["qwen2", qwen2],
  ["qwen3", qwen3],
  ["qwen35", qwen35],
  ["qwen35moe", qwen35moe],
  ["gemma", gemma],
  ["gemma2", gemma2],
  ["gemma3", gemma3],
  ["gemma4", gemma4],
  ["phi3", phi3],
  ["smollm3", smollm3],
  ["olmo2", olmo2],
  ["granite", granite],
  ["granitehybrid", graniteHybrid],
  ["starcoder2", starcoder2],
  ["stablelm", stablelm],
  ["lfm2", lfm2],
  ["lfm2moe", lfm2],
  ["qwen2moe", qwen2moe],
  ["qwen3moe", qwen3moe],
  ["olmoe", olmoe],
  ["gpt-oss", gptOss],
  ["nemotron_h", nemotronH],
  ["nemotron_h_moe", nemotronH],
  ["bert", bert],
  ["nomic-bert", nomicBert],
]);

export const SUPPORTED_ARCHITECTURES: readonly string[] = [...ARCHITECTURES.keys()];

/** @throws UnsupportedModelError `architecture` */
export function findArchitecture(name: string): Architecture {
  const architecture = ARCHITECTURES.get(name);
  if (architecture) return architecture;
  throw new UnsupportedModelError(
    "architecture",
    `The model has the architecture "${name}", which this version does not run. Supported: ${SUPPORTED_ARCHITECTURES.join(", ")}.`,
    { details: { architecture: name, supported: SUPPORTED_ARCHITECTURES } },
  );
}
