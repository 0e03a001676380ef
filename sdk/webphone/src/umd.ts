import { ZorioCall } from "./call.js";
import { ZorioWebphoneError } from "./errors.js";
import { ZorioWebphone } from "./phone.js";

// The global is the class itself, with what else a script needs hung on it: `ZorioWebphone.connect(…)`.
export const global = Object.assign(ZorioWebphone, { ZorioWebphone, ZorioCall, ZorioWebphoneError });
