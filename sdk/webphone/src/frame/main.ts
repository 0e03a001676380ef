import { ZorioWebphone } from "../phone.js";
import { run } from "./frame.js";

void run((options) => ZorioWebphone.connect(options));
