// Bundles every test beside its source and runs them all: `node test.mjs [part of a file's name]`.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { styles } from "./build.mjs";

const root = fileURLToPath(new URL(".", import.meta.url));
const wanted = process.argv[2] ?? "";
const tests = readdirSync(join(root, "src"), { recursive: true })
  .map(String)
  .filter((path) => path.endsWith(".test.ts") && path.includes(wanted))
  .map((path) => join("src", path));

// Not into dist: the server is compiled anew whenever that changes.
const outdir = join(root, "results", "tests");
rmSync(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: tests,
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  sourcemap: "inline",
  packages: "external",
  plugins: [styles],
  logLevel: "warning",
});
const files = readdirSync(outdir, { recursive: true })
  .map((path) => join(outdir, String(path)))
  .filter((path) => path.endsWith(".mjs"));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=spec", ...files], {
  stdio: "inherit",
  cwd: root,
});
process.exit(status ?? 1);
