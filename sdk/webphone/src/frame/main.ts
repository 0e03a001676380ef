import { ZorioWebphone } from "../phone.js";
import { run } from "./frame.js";

// The page is the server's own, so its worker can be a file: the one beside this script.
const { src } = document.currentScript as HTMLScriptElement;

void run((options) => ZorioWebphone.connect(options), new URL("timers.js", src).href);
