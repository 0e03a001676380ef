/** What the outage mask has to know of a SIP message. */
export interface Frame {
  isRequest: boolean;
  /** Of a response: the method of the request that it answers. */
  method: string;
  /** 0 for requests. */
  status: number;
  /** Names the transaction: branch and method. */
  transaction: string;
}

/** Reads the head of a SIP message; `null` for what is none. */
export function readFrame(text: string): Frame | null {
  const first = text.slice(0, text.indexOf("\r\n"));
  const response = /^SIP\/2\.0 (\d{3})/.exec(first);
  const method = response ? header(text, "cseq")?.split(/\s+/)[1] : /^([A-Z]+) \S+ SIP\/2\.0$/.exec(first)?.[1];
  const via = header(text, "via", "v");
  if (!method || !via) return null;
  const branch = /;\s*branch=([^;,\s]+)/i.exec(via)?.[1] ?? "";
  return { isRequest: !response, method, status: Number(response?.[1] ?? 0), transaction: `${branch} ${method}` };
}

/** Returns the first value of a header. */
export function header(text: string, ...names: string[]): string | null {
  for (const line of text.split("\r\n").slice(1)) {
    if (line === "") return null;
    const colon = line.indexOf(":");
    if (names.includes(line.slice(0, colon).trim().toLowerCase())) return line.slice(colon + 1).trim();
  }
  return null;
}
