// Builds everything that is shipped into dist/: `node build.mjs`.
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build, transform } from "esbuild";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The oldest browsers that are promised. */
const TARGET = ["chrome88", "edge88", "firefox78", "safari14"];

/** All of them know these words; their faults are in uses that do not occur here. */
const OLD = { destructuring: true, "optional-chain": true, "nullish-coalescing": true };

/** Styles and the programs of workers become text, small and in the words of old browsers. */
export const styles = {
  name: "styles",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, target: TARGET });
      return { contents: `export default ${JSON.stringify(code.trim())}`, loader: "js" };
    });
    build.onLoad({ filter: /\.worker\.js$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "js", minify: true, target: TARGET, supported: OLD });
      return { contents: `export default ${JSON.stringify(code.trim())}`, loader: "js" };
    });
  },
};

/** What of JsSIP a phone never uses: its logging, messages, presence, its own WebSocket; and its grammar, by ours. */
const lean = {
  name: "lean",
  setup(build) {
    const empty = at("src/sip/nothing.ts");
    build.onResolve({ filter: /^debug$/ }, () => ({ path: at("src/sip/quiet.cjs") }));
    build.onResolve({ filter: /^\.\.?\/Grammar$/ }, () => ({ path: at("src/sip/grammar-shim.cjs") }));
    build.onResolve({ filter: /^\.\/(Subscriber|Notifier|Message|Options|WebSocketInterface)$/ }, ({ importer }) =>
      importer.includes("jssip") ? { path: empty } : undefined,
    );
  },
};

const common = {
  bundle: true,
  minify: true,
  sourcemap: true,
  sourcesContent: true,
  target: TARGET,
  supported: OLD,
  legalComments: "none",
  plugins: [styles],
  absWorkingDir: at("."),
  logLevel: "warning",
};

const NOTICE = `/*! @zorio/webphone, Apache-2.0. Contains JsSIP and sdp-transform (MIT) and Lucide icons (ISC): see NOTICE.md */`;

/** An example's own parts, each below its name in a comment, in the places that the template has for them. */
async function examplePage(name) {
  const [template, own] = await Promise.all(["template", name].map((file) => readFile(at(`examples/${file}.html`), "utf8")));
  const [, ...named] = own.split(/^<!-- (\w+) -->\n/m);
  const parts = new Map();
  for (let n = 0; n < named.length; n += 2) parts.set(named[n], named[n + 1].trimEnd());
  const page = template.replace(/\{\{(\w+)\}\}/g, (_, part) => {
    if (!parts.has(part)) throw new Error(`examples/${name}.html says nothing about ${part}`);
    return parts.get(part);
  });
  return page.replace(`href="${name}.html"`, '$& aria-current="page"');
}

export async function buildAll() {
  await rm(at("dist"), { recursive: true, force: true });
  await mkdir(at("dist"));
  const whole = { ...common, banner: { js: NOTICE }, plugins: [styles, lean], pure: ["logger.debug", "logger.warn", "logger.error", "debug"] };
  const timers = await transform(await readFile(at("src/timers.worker.js"), "utf8"), { minify: true, target: TARGET, supported: OLD });
  await writeFile(at("dist/timers.js"), timers.code);
  await writeFile(at("dist/frame.css"), (await transform(await readFile(at("src/frame/frame.css"), "utf8"), { loader: "css", minify: true, target: TARGET })).code);
  await Promise.all([
    // For bundlers: JsSIP is a dependency of the package.
    build({ ...common, banner: { js: NOTICE }, entryPoints: ["src/index.ts"], outdir: "dist", chunkNames: "[name]", splitting: true, format: "esm", external: ["jssip"] }),
    // For browsers without a bundler.
    build({ ...whole, entryPoints: ["src/index.ts"], outfile: "dist/zorio-webphone.esm.js", format: "esm" }),
    build({ ...whole, entryPoints: ["src/frame/main.ts"], outfile: "dist/frame.js", format: "iife" }),
    build({
      ...whole,
      entryPoints: ["src/umd.ts"],
      outfile: "dist/zorio-webphone.umd.js",
      format: "iife",
      globalName: "it",
      banner: {
        js: `${NOTICE}\n(function(root,factory){if(typeof define==="function"&&define.amd)define([],factory);else if(typeof module==="object"&&module.exports)module.exports=factory();else root.ZorioWebphone=factory()})(typeof self!=="undefined"?self:this,function(){`,
      },
      footer: { js: "return it.global});" },
    }),
  ]);
  // The example pages, beside the files that they load: the server serves all of dist.
  await mkdir(at("dist/examples"));
  for (const name of ["umd", "npm", "iframe"]) await writeFile(at(`dist/examples/${name}.html`), await examplePage(name));
  for (const file of ["examples.css", "umd.js", "iframe.js"]) await copyFile(at(`examples/${file}`), at(`dist/examples/${file}`));
  await build({ ...whole, sourcemap: false, entryPoints: ["examples/npm.ts"], outfile: "dist/examples/npm.js", format: "iife", alias: { "@zorio/webphone": at("src/index.ts") } });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
