import type { Link, LinkIo } from "../core/link.js";

/** The WebSocket under the link. What an old one still says after it was closed is not heard. */
export function webSocket(url: string, link: () => Link, log: (what: string) => void): LinkIo {
  let current: WebSocket | null = null;
  return {
    open() {
      let socket: WebSocket;
      try {
        socket = new WebSocket(url, "sip");
      } catch (error) {
        log(`socket: ${String(error)}`);
        queueMicrotask(() => link().closed("refused"));
        return;
      }
      current = socket;
      const decoder = new TextDecoder();
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        if (socket === current) link().opened();
      };
      socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
        if (socket !== current) return;
        const text = typeof event.data === "string" ? event.data : decoder.decode(event.data);
        if (text.length > 4) log(`◀ ${firstLine(text)}`);
        link().received(text);
      };
      socket.onclose = (event) => {
        if (socket !== current) return;
        current = null;
        log(`socket closed: ${event.code}`);
        link().closed(`closed_${event.code}`);
      };
    },
    close() {
      const socket = current;
      current = null;
      socket?.close();
    },
    send(text) {
      if (text.length > 4) log(`▶ ${firstLine(text)}`);
      if (current?.readyState === 1) current.send(text);
    },
  };
}

/** What may be logged of a message: never its credentials. */
function firstLine(text: string): string {
  return text.slice(0, text.indexOf("\r\n"));
}
