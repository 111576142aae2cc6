import { expose } from "comlink";
import { reviveErrors } from "./errors.ts";
import { createHost } from "./host.ts";
import { HELLO } from "./protocol.ts";

reviveErrors();
expose(createHost());
postMessage(HELLO);
