import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { VERSION } from "./version.js";

const read = (path: string) => readFileSync(path);
const kilobytes = (...paths: string[]) =>
  paths.map((path) => gzipSync(read(path), { level: 9 }).length).reduce((sum, size) => sum + size, 0) / 1000;

/** Sizes in kB after gzip: what is shipped may not grow past them. */
const LIMITS: [string, number, ...string[]][] = [
  ["the UMD file, with everything in it", 80, "dist/zorio-webphone.umd.js"],
  ["the ESM file for browsers, with everything in it", 80, "dist/zorio-webphone.esm.js"],
  ["the script of the frame's page", 82, "dist/frame.js"],
  ["our own code that every ESM user loads", 25, "dist/index.js", "dist/chunk.js"],
  ["the face, loaded when it is mounted", 20, "dist/element.js"],
];

for (const [what, limit, ...paths] of LIMITS) {
  test(`${what}: at most ${limit} kB`, () => {
    const size = kilobytes(...paths);
    assert.ok(size <= limit, `${size.toFixed(1)} kB`);
  });
}

test("the UMD file is the class, for scripts, CommonJS and AMD", () => {
  const code = read("dist/zorio-webphone.umd.js").toString();
  type Global = { connect?: unknown; diagnose?: unknown; ZorioWebphone?: unknown; version?: string };
  const script: { ZorioWebphone?: Global } = {};
  new Function("self", "module", "define", code).call(script, script, undefined, undefined);
  const module: { exports: Global } = { exports: {} };
  new Function("self", "module", "define", code)({}, module, undefined);
  let defined: Global = {};
  const define = Object.assign((_: unknown, make: () => Global) => (defined = make()), { amd: {} });
  new Function("self", "module", "define", code)({}, undefined, define);
  for (const it of [script.ZorioWebphone, module.exports, defined]) {
    assert.equal(typeof it?.connect, "function");
    assert.equal(typeof it?.diagnose, "function");
    assert.equal(it?.ZorioWebphone, it);
    assert.equal(it?.version, VERSION);
  }
});

test("the version is that of the package", () => {
  const { version } = JSON.parse(read("package.json").toString()) as { version: string };
  assert.equal(VERSION, version);
});

test("what is shipped is licensed so that it may be", () => {
  const lock = JSON.parse(read("package-lock.json").toString()) as {
    packages: Record<string, { license?: string; dev?: boolean }>;
  };
  const shipped = Object.entries(lock.packages).filter(([path, { dev }]) => path !== "" && !dev);
  assert.ok(shipped.length > 0);
  for (const [path, { license }] of shipped) assert.match(license ?? "none", /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause)$/, path);
});

test("nothing that is shipped writes HTML, evaluates text or waits for unload", () => {
  for (const path of ["dist/zorio-webphone.umd.js", "dist/element.js", "dist/frame.js"]) {
    const code = read(path).toString();
    for (const forbidden of [/\.innerHTML/, /insertAdjacentHTML/, /document\.write/, /\beval\(/, /new Function/, /"unload"/]) {
      assert.doesNotMatch(code, forbidden, path);
    }
  }
});

test("files for browsers know no word that the oldest ones do not", () => {
  for (const path of ["dist/zorio-webphone.umd.js", "dist/index.js", "dist/element.js", "dist/frame.js"]) {
    const code = read(path).toString();
    // Firefox 78 has no logical assignment, Safari 14 no `.at`, no static blocks, no `#private`.
    for (const modern of [/\?\?=/, /\|\|=/, /&&=/, /static\{/, /structuredClone/, /randomUUID/]) {
      assert.doesNotMatch(code, modern, `${path}: ${String(modern)}`);
    }
  }
});
