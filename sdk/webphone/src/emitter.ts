type Handler<T> = (payload: T) => void;

/** Typed events. Handlers run at once, in order; one that throws hinders nobody. */
export class Emitter<Events extends object> {
  private readonly handlers = new Map<keyof Events, Set<Handler<never>>>();

  on<K extends keyof Events>(event: K, handler: Handler<Events[K]>): this {
    let set = this.handlers.get(event);
    if (!set) this.handlers.set(event, (set = new Set()));
    set.add(handler as Handler<never>);
    return this;
  }

  once<K extends keyof Events>(event: K, handler: Handler<Events[K]>): this {
    const first: Handler<Events[K]> = (payload) => {
      this.off(event, first);
      handler(payload);
    };
    return this.on(event, first);
  }

  /** Removes one handler, or all of the event. */
  off<K extends keyof Events>(event: K, handler?: Handler<Events[K]>): this {
    if (handler) this.handlers.get(event)?.delete(handler as Handler<never>);
    else this.handlers.delete(event);
    return this;
  }

  protected emit<K extends keyof Events>(event: K, payload: Events[K]): void {
    for (const handler of [...(this.handlers.get(event) ?? [])]) {
      try {
        (handler as Handler<Events[K]>)(payload);
      } catch (error) {
        // The page learns of its own mistake the way of all uncaught errors.
        setTimeout(() => {
          throw error;
        });
      }
    }
  }

  protected removeAll(): void {
    this.handlers.clear();
  }
}
