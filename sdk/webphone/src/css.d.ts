/** Styles are bundled as text. */
declare module "*.css" {
  const css: string;
  export default css;
}

/** So are the programs of workers. */
declare module "*.worker.js" {
  const source: string;
  export default source;
}
