import { ensureBuilt } from "../scripts/lib/build.mjs";

/** The tests drive what people get: the built demo. */
export default async function setup(): Promise<void> {
  await ensureBuilt("demo");
}
