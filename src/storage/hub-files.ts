/** Which of a repository's files is meant by a quantisation's name. */
import { partOf } from "./part-names.ts";

/**
 * Taken in this order where none is asked for: 4 bits first, which lose little and load in half the time of 8; then
 * upwards, where quality only costs memory; then downwards; unquantised last.
 */
export const DEFAULT_QUANTS: readonly string[] = [
  ..."Q4_K_M Q4_0 Q4_K_S Q4_1 IQ4_XS IQ4_NL MXFP4 Q5_K_M Q5_K_S Q5_0 Q5_1 Q6_K Q8_0".split(" "),
  ..."Q3_K_M Q3_K_L Q3_K_S IQ3_M IQ3_S IQ3_XS IQ3_XXS Q2_K IQ2_M IQ2_S IQ2_XS IQ2_XXS".split(" "),
  ..."TQ2_0 TQ1_0 IQ1_M IQ1_S BF16 F16 F32".split(" "),
];

/** The files that are models: no projectors of vision models, no importance matrices, and of split models the first part. */
export function modelFiles(files: readonly string[]): string[] {
  return files
    .filter(file => /\.gguf$/i.test(file) && !/(^|[/._-])(mmproj|imatrix)/i.test(file))
    .filter(file => (partOf(file)?.no ?? 1) === 1)
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

/**
 * The file with the first of these quantisations that there is. A name counts whole (`Q4_K_M`) before it counts as a
 * beginning (`Q4_K` for Q4_K_S), and of beginnings the medium size first.
 * @param files from `modelFiles`
 */
export function fileOf(files: readonly string[], quants: readonly string[]): string | undefined {
  for (const quant of quants) {
    const name = quant.replace(/[^\w]/g, "\\$&");
    const ends = [`(?=[-./]|$)`, "_M(?=[-./]|$)", "_"];
    for (const end of ends) {
      const pattern = new RegExp(`(^|[-_./])${name}${end}`, "i");
      const found = files.find(file => pattern.test(file.replace(/\.gguf$/i, "")));
      if (found) return found;
    }
  }
  return undefined;
}
