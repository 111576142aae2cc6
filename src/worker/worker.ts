import { expose } from "comlink";
import { reviveErrors } from "./errors.ts";
import { createHost } from "./host.ts";

reviveErrors();
expose(createHost());
