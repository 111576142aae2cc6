import { expose } from "comlink";
import { reviveErrors } from "../boundary/errors.ts";
import { HELLO } from "../boundary/protocol.ts";
import { createHost } from "./host.ts";

reviveErrors();
expose(createHost());
postMessage(HELLO);
