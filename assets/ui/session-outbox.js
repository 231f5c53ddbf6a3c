// What a reader judged, on its way to the server. An event lies in the browser's storage, one item each, until the server
// says that it has it on its disk; so a broken line, a reload or two tabs lose nothing, and the event's own id keeps the
// server from counting it twice.
const PARCEL = 50; // events sent at once
const FIRST_WAIT_MS = 1000,
  LONGEST_WAIT_MS = 15_000;

function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Outbox {
  // send: (events) -> a promise of the ids that are kept; it throws while the line is down. told: called on every change.
  constructor(prefix, send, told) {
    Object.assign(this, {
      prefix,
      send,
      told,
      waiting: new Map(),
      isSending: false,
      failures: 0,
      timer: 0,
      refusal: "",
      added: 0,
    });
    this.canStore = true;
    try {
      for (const key of Object.keys(localStorage).sort()) {
        if (!key.startsWith(prefix)) continue;
        const event = JSON.parse(localStorage.getItem(key));
        this.waiting.set(event.client_id, { key, event });
      }
    } catch {
      this.canStore = false; // closed to this page: then events live as long as the tab
    }
    window.addEventListener("online", () => this.flush());
  }

  get isOnline() {
    return this.failures === 0;
  }

  get events() {
    return [...this.waiting.values()].map(({ event }) => event);
  }

  add(event) {
    const when = String(Date.parse(event.said_utc)).padStart(15, "0"),
      number = String(++this.added).padStart(6, "0"); // of two in one millisecond
    const key = `${this.prefix}${when}.${number}.${event.client_id}`;
    this.waiting.set(event.client_id, { key, event });
    try {
      localStorage.setItem(key, JSON.stringify(event));
    } catch {
      this.canStore = false;
    }
    this.told();
    this.flush();
  }

  async flush() {
    clearTimeout(this.timer);
    if (this.isSending || !this.waiting.size || this.refusal) return;
    this.isSending = true;
    const parcel = this.events.slice(0, PARCEL);
    try {
      this.letGo(await this.send(parcel));
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      if (error.refusal) this.refusal = error.refusal; // asking again would change nothing
    }
    this.isSending = false;
    this.told();
    if (!this.waiting.size || this.refusal) return;
    const wait = this.failures ? Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.failures - 1)) : 0;
    this.timer = setTimeout(() => this.flush(), wait);
  }

  letGo(ids) {
    for (const id of ids) {
      const found = this.waiting.get(id);
      if (!found) continue;
      this.waiting.delete(id);
      try {
        localStorage.removeItem(found.key);
      } catch {
        // it would be sent once more, and counted once
      }
    }
  }
}
