// The golden data of tiny models: in the repository some of them, all where the golden data's own folder is there.
import { inject } from "vitest";
import { loadFile, loadFixture } from "./fixtures.ts";

/** Folder of the golden data outside of the repository; empty where it is absent. */
export const goldenFolder = inject("golden");
/** Behind the name of a test that is skipped for want of it. */
export const withoutGolden = goldenFolder
  ? ""
  : " (SKIPPED: no ../shared/golden; set INTAB_GOLDEN to the golden data)";

/** Models of the second set, which has a folder of its own. */
export const NEWER_MODELS = [
  "qwen35",
  "qwen35mtp",
  "ministral3",
  "lfm2moe",
  "gemma4",
  "gemma4moe",
  "granitehybridmoe",
  "nemotronhmoe",
];
/** Models that the repository itself holds. */
const IN_REPOSITORY = ["gptoss", "bert", "qwen35mtp"];

export const absentModel = (name: string): boolean => !goldenFolder && !IN_REPOSITORY.includes(name);

/** @param file of the model's folder, such as `case.json` */
export async function readGolden(name: string, file = "model.gguf"): Promise<Blob> {
  const set = NEWER_MODELS.includes(name) ? "arch2" : "arch";
  if (goldenFolder) return loadFile(`${goldenFolder}/${set}/${name}/${file}`);
  return new Blob([await loadFixture(`arch/${name}/${file}`)]);
}
