import { expose } from "comlink";
import { reviveErrors } from "../boundary/errors.ts";
import { createHost } from "./host.ts";

reviveErrors();
expose(createHost());
