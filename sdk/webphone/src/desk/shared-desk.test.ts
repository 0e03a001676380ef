import assert from "node:assert/strict";
import { test } from "node:test";

import type { DeskCommand, DeskEvent, DeskSink, DeskSnapshot } from "./desk.js";
import { type LeadDesk, SharedDesk, type TabMessage } from "./shared-desk.js";
import { ZorioWebphoneError } from "../errors.js";
import { snapshot } from "../testing/snapshot.js";
import { settled, VirtualClock } from "../testing/virtual-clock.js";

const idle: DeskSnapshot = { status: "registered", attempt: 0, calls: [], audioBlocked: false, isMirror: false };
const call = snapshot();

class Desk implements LeadDesk {
  commands: DeskCommand[] = [];
  left = false;
  state = idle;
  constructor(readonly sink: DeskSink) {}
  snapshot = () => this.state;
  run = async (command: DeskCommand) => {
    this.commands.push(command);
    if (command.do === "hangup") throw new ZorioWebphoneError("call_not_found", "gone");
    return "done";
  };
  unlockAudio = async () => {};
  devices = async () => ({ inputs: [], outputs: [], canChooseOutput: true });
  levels = () => ({ microphone: 1, remote: 1 });
  wake = () => {};
  networkLost = () => {};
  stop = async () => {};
  leave = () => {
    this.left = true;
  };
}

class Browser {
  readonly clock = new VirtualClock();
  private readonly ports = new Set<(message: TabMessage) => void>();

  open() {
    const events: DeskEvent[] = [];
    let own: Desk | null = null;
    const shared = new SharedDesk(
      {
        clock: this.clock,
        channel: (receive) => {
          this.ports.add(receive);
          return {
            post: (message) => {
              for (const port of this.ports) if (port !== receive) this.clock.after(1, () => port(message));
            },
            close: () => this.ports.delete(receive),
          };
        },
        devices: async () => ({ inputs: [], outputs: [], canChooseOutput: false }),
        lead: (sink) => (own = new Desk(sink)),
      },
      { changed: () => {}, event: (event) => events.push(event) },
    );
    return { shared, events, own: () => own };
  }
}

test("the second tab shows the first one's phone and passes on commands", async () => {
  const browser = new Browser();
  const first = browser.open();
  await browser.clock.pass(500);
  const second = browser.open();
  await browser.clock.pass(500);
  assert.equal(second.own(), null);
  assert.equal(second.shared.snapshot().status, "registered");
  assert.equal(second.shared.snapshot().isMirror, true);
  const answer = second.shared.run({ do: "answer", id: "c1" });
  await browser.clock.pass(200);
  assert.equal(await answer, "done");
  assert.deepEqual(first.own()?.commands, [{ do: "answer", id: "c1" }]);
  const refused = assert.rejects(second.shared.run({ do: "hangup", id: "c1" }), { code: "call_not_found" });
  await browser.clock.pass(300);
  await refused;
});

test("events reach every tab", async () => {
  const browser = new Browser();
  const first = browser.open();
  await browser.clock.pass(500);
  const second = browser.open();
  await browser.clock.pass(500);
  first.own()?.sink.event({ name: "call_answered", call });
  await browser.clock.pass(300);
  assert.deepEqual([first.events, second.events].map((events) => events.map((event) => event.name)), [
    ["call_answered"],
    ["call_answered"],
  ]);
});

test("when the tab with the phone is closed, its call is over and another tab is the phone", async () => {
  const browser = new Browser();
  const first = browser.open();
  await browser.clock.pass(500);
  const second = browser.open();
  await browser.clock.pass(500);
  const own = first.own();
  if (!own) throw new Error("no leader");
  own.state = { ...idle, calls: [call] };
  own.sink.changed(own.state);
  await browser.clock.pass(300);
  assert.equal(second.shared.snapshot().calls.length, 1);
  first.shared.leave();
  assert.equal(own.left, true);
  await browser.clock.pass(1_000);
  assert.ok(second.own());
  assert.deepEqual(
    second.events.map((event) => event.name === "call_hangup" && event.reason),
    ["network_out_of_order"],
  );
});

test("a command that nobody answers does not hang for ever", async () => {
  const browser = new Browser();
  const only = browser.open();
  const lost = assert.rejects(only.shared.run({ do: "register" }), { code: "internal_error" });
  await browser.clock.pass(1_000);
  await lost;
  await settled();
});
