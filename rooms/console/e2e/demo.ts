// Starts `zorio demo --keep` for the whole run and stops it afterwards.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READY_MS = 120_000;

/** What the demo prints once it stays up. */
export interface Demo {
  readonly api: string;
  readonly secure: string;
  readonly username: string;
  readonly password: string;
  readonly token: string;
  readonly receiver: string;
}

/** Returns the running demo, as the tests see it. */
export function demo(): Demo {
  return JSON.parse(process.env.ZORIO_DEMO ?? "{}") as Demo;
}

export default async function start(): Promise<() => Promise<void>> {
  const binary = process.env.ZORIO ?? "../../../target/debug/zorio";
  const folder = mkdtempSync(join(tmpdir(), "zorio-e2e-"));
  const child = spawn(binary, ["demo", "--keep", "--data-dir", folder], { stdio: ["ignore", "pipe", "inherit"] });
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  let said = "";
  const found = await new Promise<Demo>((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill();
      reject(new Error(`the demo is not up:\n${said}`));
    }, READY_MS);
    child.once("exit", (code) => reject(new Error(`the demo ended with ${code}:\n${said}`)));
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const now = parse(said);
      if (now) {
        clearTimeout(late);
        resolve(now);
      }
    });
  });
  process.env.ZORIO_DEMO = JSON.stringify(found);
  return stop;
}

function parse(said: string): Demo | undefined {
  const api = /^\s+API\s+(\S+)/m.exec(said);
  const secure = /^\s+over TLS\s+(\S+)/m.exec(said);
  const login = /^\s+console\s+\S+\s+(\S+) \/ (\S+)/m.exec(said);
  const token = /^\s+token\s+(\S+)/m.exec(said);
  const receiver = /^\s+webhook\s+(\S+)/m.exec(said);
  if (!api?.[1] || !secure?.[1] || !login?.[1] || !login[2] || !token?.[1] || !receiver?.[1]) return undefined;
  return { api: api[1], secure: secure[1], username: login[1], password: login[2], token: token[1], receiver: receiver[1] };
}
