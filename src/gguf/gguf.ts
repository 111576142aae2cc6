/**
 * A GGUF header, from a byte source: what the file is, its metadata, and where each tensor lies. Touches neither
 * network nor DOM nor GPU. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * Why not `@huggingface/gguf` at run time: docs/dependencies.md (in short: it takes zeros for the missing part of a
 * truncated file, parses a 128k-token vocabulary in over a second, and adds 65 KB gzipped). The unit tests hold this
 * parser against it on every model file there is.
 */
import { ModelFormatError, UnsupportedModelError } from "../errors.ts";
import { bad, type Metadata } from "./fields.ts";
import { HeaderReader, type ReadBytes } from "./header-reader.ts";
import { DEFAULT_ALIGNMENT, MAX_ALIGNMENT, MIN_ALIGNMENT } from "./limits.ts";
import { readMetadata } from "./metadata.ts";
import { type GgufTensor, readTensors } from "./tensors.ts";

export type { Metadata } from "./fields.ts";
export type { GgufTensor } from "./tensors.ts";

export interface GgufFile {
  /** GGUF version of the file: 2 or 3. */
  readonly version: number;
  readonly metadata: Metadata;
  /** In the order of the header. */
  readonly tensors: readonly GgufTensor[];
  /** Offset in the file of the first byte of tensor data. */
  readonly dataOffset: number;
  /** Every tensor starts at a multiple of this, counted from `dataOffset`. Bytes. */
  readonly alignment: number;
  /** Size of the file, of all parts of a split one; where it was not known beforehand, up to the last tensor's end. Bytes. */
  readonly fileBytes: number;
}

/** Magic, version, tensor count, metadata count. */
const FIXED_BYTES = 4 + 4 + 8 + 8;

/**
 * Parses the header and checks that every tensor lies inside the file and over no other.
 *
 * @param read Gives `length` bytes at `offset`; called in file order, in steps of 1 and 2 MiB, never past `fileBytes`. What
 *   it gave is not looked at any more when it is called again, or when parsing ends.
 * @param fileBytes Size of the whole file; Infinity: not known, `read` may then give fewer bytes at its end.
 * @throws ModelFormatError `not-gguf`, `bad-gguf` or `truncated`; UnsupportedModelError `gguf-version` or
 *   `tensor-type` (a type number that ggml does not define). What `read` throws passes through.
 */
export async function parseGguf(read: ReadBytes, fileBytes: number): Promise<GgufFile> {
  const reader = new HeaderReader(read, fileBytes);
  await reader.need(Math.min(4, fileBytes), "the magic number");
  checkMagic(reader.text(Math.min(4, reader.fileBytes)), reader.fileBytes);
  await reader.need(FIXED_BYTES - 4, "the first fields");
  const version = checkVersion(reader.u32());
  const tensorCount = reader.count();
  const metadata = await readMetadata(reader, reader.count());
  const alignment = checkAlignment(metadata["general.alignment"]);
  const { tensors, dataOffset } = await readTensors(reader, tensorCount, alignment);
  reader.end();
  const lastEnd = tensors.reduce((far, { offset, bytes }) => Math.max(far, offset + bytes), dataOffset);
  const size = Number.isFinite(reader.fileBytes) ? reader.fileBytes : lastEnd;
  return { version, metadata, tensors, dataOffset, alignment, fileBytes: size };
}

function checkMagic(magic: string, fileBytes: number): void {
  if (magic === "GGUF") return;
  const remedy = magic.trimStart().startsWith("<")
    ? "It starts like a web page: check the URL, it gave a web page instead of the model " +
      "(on the Hugging Face Hub, take the link with /resolve/, not /blob/)."
    : magic.startsWith("version".slice(0, 4))
      ? "It looks like a Git LFS pointer: fetch the file itself, with `git lfs pull` or from its download link."
      : "Give the URL or the file of a model that ends in .gguf.";
  throw new ModelFormatError(
    "not-gguf",
    `Not a GGUF file: its ${Number.isFinite(fileBytes) ? `${fileBytes} ` : ""}bytes start with ${JSON.stringify(magic)} instead of "GGUF". ${remedy}`,
    { details: { magic, fileBytes: Number.isFinite(fileBytes) ? fileBytes : null } },
  );
}

function checkVersion(version: number): number {
  if (version === 2 || version === 3) return version;
  // Only a big-endian writer puts the small number into the upper half.
  const bigEndian = version !== 0 && (version & 0xffff) === 0;
  const found = bigEndian ? "big-endian" : `version ${version}`;
  throw new UnsupportedModelError(
    "gguf-version",
    `This GGUF file is ${found}; supported are versions 2 and 3, little-endian. Convert the model again with a ` +
      "current llama.cpp, or take another file of it.",
    { details: { version, bigEndian, supported: ["2", "3"] } },
  );
}

function checkAlignment(value: unknown): number {
  if (value === undefined) return DEFAULT_ALIGNMENT;
  const powerOfTwo = typeof value === "number" && Number.isInteger(value) && Math.log2(value) % 1 === 0;
  if (powerOfTwo && value >= MIN_ALIGNMENT && value <= MAX_ALIGNMENT) return value;
  throw bad(
    `has general.alignment ${String(value).slice(0, 40)}; a power of two from ${MIN_ALIGNMENT} to ${MAX_ALIGNMENT} is needed`,
    { alignment: String(value).slice(0, 40) },
  );
}
