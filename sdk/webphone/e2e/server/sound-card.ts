// A sound card that nobody hears, while the tests run: without one Firefox's Web Audio stands still, and no page hears a tone.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY_MS = 20_000;
/** Seconds without a browser after which it ends by itself, should nobody be left to end it. */
const IDLE = 900;

/** Starts PulseAudio with a sink to nowhere, for every browser that is started after it. */
export default async function start(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), "zorio-sdk-sound-"));
  const socket = join(folder, "native");
  const how = ["-n", "--daemonize=no", "--use-pid-file=no", "--log-level=error", `--exit-idle-time=${IDLE}`];
  const what = ["--load=module-null-sink", `--load=module-native-protocol-unix auth-anonymous=1 socket=${socket}`];
  delete process.env.PULSE_SERVER;
  // It keeps its own things where they go away with it.
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder };
  const child = spawn("pulseaudio", [...how, ...what], { env, stdio: ["ignore", "inherit", "inherit"] });
  let isOver = false;
  const ended = new Promise<void>((resolve) => void child.once("exit", resolve).once("error", resolve)).then(() => {
    isOver = true;
  });
  for (const until = Date.now() + READY_MS; !isOver && Date.now() < until; ) {
    if (await takesConnections(socket)) {
      process.env.PULSE_SERVER = `unix:${socket}`;
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (!process.env.PULSE_SERVER) console.warn("PulseAudio does not run: Firefox will hear nothing (Debian: apt install pulseaudio)");
  return async () => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
}

const takesConnections = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(socket);
    probe.once("error", () => resolve(false));
    probe.once("connect", () => {
      probe.end();
      resolve(true);
    });
  });
