/** The worker within a module of its own, which nothing loads where the worker's file can be started. */
import Embedded from "./worker.ts?worker&inline";

/** @throws SecurityError and the like where a policy allows no worker of a `blob:` address */
export const startEmbedded = (): Worker => new Embedded({ name: "intab" });
