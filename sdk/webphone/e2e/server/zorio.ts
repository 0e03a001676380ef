// The server as its users run it: the `zorio` binary, a folder, settings in the environment.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const READY_MS = 60_000;
const LOGIN = { username: "admin", password: "correct horse battery staple" };

type Json = Record<string, unknown>;

/** Returns an IPv4 address of this machine that other machines can see; without a network its own. */
function visibleAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1";
}

/** Returns ports that nobody uses at the moment. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export class Zorio {
  private child: ChildProcess | null = null;
  private token = "";

  private constructor(
    private readonly folder: string,
    private readonly ports: { http: number; sip: number; metrics: number; webrtc: number },
    private readonly settings: Record<string, string>,
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<Zorio> {
    const [http = 0, sip = 0, metrics = 0, webrtc = 0] = await freePorts(4);
    const zorio = new Zorio(mkdtempSync(join(tmpdir(), "zorio-sdk-")), { http, sip, metrics, webrtc }, settings);
    await zorio.launch();
    const { token } = (await zorio.ask("POST", "/api/auth/login", { ...LOGIN, device_name: "tests" })) as { token: string };
    zorio.token = token;
    return zorio;
  }

  get base(): string {
    return `http://127.0.0.1:${this.ports.http}`;
  }
  get port(): number {
    return this.ports.http;
  }
  get sip(): { port: number } {
    return { port: this.ports.sip };
  }

  async launch(): Promise<void> {
    const log = createWriteStream(this.logFile, { flags: "a" });
    this.child = spawn(binary(), ["serve"], { env: this.environment, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.pipe(log);
    this.child.stderr?.pipe(log);
    for (const until = Date.now() + READY_MS; ; ) {
      if (this.child.exitCode !== null || Date.now() > until) throw new Error(`the server is not up:\n${this.log().slice(-4_000)}`);
      const ready = await fetch(`${this.base}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** Runs `zorio admin … --json` beside the server. */
  async admin(...words: string[]): Promise<Json> {
    const { stdout } = await promisify(execFile)(binary(), ["admin", ...words, "--json"], { env: this.environment });
    return JSON.parse(stdout) as Json;
  }

  /** Asks the API with the admin's token; the answer's body. */
  async ask(method: string, path: string, body?: object): Promise<unknown> {
    const response = await this.fetch(method, path, body);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? null : await response.json();
  }

  async fetch(method: string, path: string, body?: object): Promise<Response> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body) headers["Content-Type"] = "application/json";
    return await fetch(this.base + path, { method, headers, redirect: "manual", ...(body ? { body: JSON.stringify(body) } : {}) });
  }

  async extension(number: string, fields: object = {}): Promise<string> {
    const body = { extension_number: number, display_name: `Agent ${number}`, recording_mode: "all", ...fields };
    const { data } = (await this.ask("POST", "/api/pbx/extensions", body)) as { data: { sip_password: string } };
    return data.sip_password;
  }

  async embedToken(extension: string, more: object = {}): Promise<string> {
    const body = { ttl_seconds: 3_600, extension, ...more };
    const { embed_token } = (await this.ask("POST", "/api/webphone/embed-token", body)) as { embed_token: string };
    return embed_token;
  }

  /** Returns the WAV file of a call, as a browser would fetch it. */
  async recording(uuid: string): Promise<Buffer | null> {
    const answer = await this.fetch("GET", `/api/pbx/cdr/${uuid}/recording`);
    const target = answer.headers.get("location");
    if (answer.status !== 302 || !target) return null;
    const file = await fetch(new URL(new URL(target, this.base).pathname + new URL(target, this.base).search, this.base));
    return file.ok ? Buffer.from(await file.arrayBuffer()) : null;
  }

  private get logFile(): string {
    return join(this.folder, "log");
  }

  private get environment(): NodeJS.ProcessEnv {
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ZORIO")));
    const { http, sip, metrics, webrtc } = this.ports;
    const first = 31_000 + (process.pid % 100) * 120;
    return {
      ...own,
      ZORIO_DATA_DIR: join(this.folder, "data"),
      ZORIO_HTTP__LISTEN: `127.0.0.1:${http}`,
      ZORIO_SIP__UDP_LISTEN: `127.0.0.1:${sip}`,
      ZORIO_SIP__TCP_LISTEN: `127.0.0.1:${sip}`,
      ZORIO_METRICS__LISTEN: `127.0.0.1:${metrics}`,
      // Firefox has no candidate of its own for a way within the machine.
      ZORIO_MEDIA__BIND_ADDRESS: visibleAddress(),
      ZORIO_MEDIA__PORT_RANGE: `${first}-${first + 119}`,
      ZORIO_MEDIA__WEBRTC_PORT: String(webrtc),
      ZORIO_ALERTS__TRUNK_SECONDS: "0",
      // Tests ask more in a minute than people do.
      ZORIO_LIMITS__OTHER: "10000",
      ZORIO_LIMITS__PBX: "10000",
      ZORIO_BOOTSTRAP__ADMIN_USERNAME: LOGIN.username,
      ZORIO_BOOTSTRAP__ADMIN_PASSWORD: LOGIN.password,
      ...this.settings,
    };
  }
}

function binary(): string {
  return process.env.ZORIO ?? "../../target/debug/zorio";
}
