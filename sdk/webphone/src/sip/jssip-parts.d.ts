declare module "jssip/lib/URI.js" {
  export default class URI {
    constructor(
      scheme: string,
      user: string | undefined,
      host: string,
      port: number | undefined,
      params: Record<string, string | null>,
      headers: Record<string, string[]>,
    );
  }
}
declare module "jssip/lib/NameAddrHeader.js" {
  import type URI from "jssip/lib/URI.js";
  export default class NameAddrHeader {
    constructor(uri: URI, name: string | undefined, params: Record<string, string | null>);
  }
}
declare module "jssip/lib/Grammar.js" {
  const grammar: { parse(text: string, rule: string): unknown };
  export default grammar;
}
