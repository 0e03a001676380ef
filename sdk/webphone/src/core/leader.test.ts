import assert from "node:assert/strict";
import { test } from "node:test";

import { VirtualClock } from "../testing/virtual-clock.js";
import { type Ballot, Leadership } from "./leader.js";

class Tabs {
  readonly clock = new VirtualClock();
  readonly tabs = new Map<string, { leadership: Leadership; log: string[]; frozen: boolean }>();

  open(id: string): Leadership {
    const log: string[] = [];
    const leadership = new Leadership(this.clock, id, {
      post: (ballot) => this.deliver(ballot),
      lead: () => log.push("lead"),
      follow: (wasLeader) => log.push(wasLeader ? "step down" : "follow"),
    });
    this.tabs.set(id, { leadership, log, frozen: false });
    leadership.start();
    return leadership;
  }

  close(id: string): void {
    this.tabs.get(id)?.leadership.stop();
    this.tabs.delete(id);
  }

  freeze(id: string, frozen: boolean): void {
    const tab = this.tabs.get(id);
    if (tab) tab.frozen = frozen;
  }

  leaders(): string[] {
    return [...this.tabs].filter(([, tab]) => tab.leadership.isLeader && !tab.frozen).map(([id]) => id);
  }

  log(id: string): string[] {
    return this.tabs.get(id)?.log ?? [];
  }

  private deliver(ballot: Ballot): void {
    if (this.tabs.get(ballot.from)?.frozen) return;
    // Messages take their time, so that claims can cross.
    for (const [id, tab] of this.tabs) {
      if (id === ballot.from) continue;
      this.clock.after(5, () => {
        if (!tab.frozen) tab.leadership.receive(ballot);
      });
    }
  }
}

test("the first tab leads, later ones follow", () => {
  const tabs = new Tabs();
  tabs.open("b");
  tabs.clock.advance(400);
  assert.deepEqual(tabs.leaders(), ["b"]);
  tabs.open("a");
  tabs.clock.advance(60_000);
  assert.deepEqual(tabs.leaders(), ["b"]);
  assert.deepEqual(tabs.log("a"), ["follow"]);
});

test("of tabs that open together one leads", () => {
  const tabs = new Tabs();
  for (const id of ["c", "a", "b"]) tabs.open(id);
  tabs.clock.advance(1_000);
  assert.deepEqual(tabs.leaders(), ["a"]);
});

test("a tab that is closed is replaced at once", () => {
  const tabs = new Tabs();
  tabs.open("a");
  tabs.clock.advance(400);
  tabs.open("b");
  tabs.open("c");
  tabs.clock.advance(1_000);
  tabs.close("a");
  tabs.clock.advance(400);
  assert.equal(tabs.leaders().length, 1);
});

test("a tab that froze is replaced, and steps down when it wakes", () => {
  const tabs = new Tabs();
  const first = tabs.open("a");
  tabs.clock.advance(400);
  tabs.open("b");
  tabs.clock.advance(1_000);
  tabs.freeze("a", true);
  tabs.clock.advance(10_000);
  assert.deepEqual(tabs.leaders(), ["b"]);
  tabs.freeze("a", false);
  first.wake();
  tabs.clock.advance(3_000);
  assert.deepEqual(tabs.leaders(), ["b"]);
  assert.deepEqual(tabs.log("a"), ["lead", "step down"]);
});

test("a slow leader is asked, not deposed", () => {
  const tabs = new Tabs();
  tabs.open("a");
  tabs.clock.advance(400);
  tabs.open("b");
  tabs.clock.advance(300_000);
  assert.deepEqual(tabs.leaders(), ["a"]);
});
