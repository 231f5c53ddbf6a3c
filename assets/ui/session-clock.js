// How long a reader looks at a case. Time is active while the page is seen, has the focus and is not paused, and for the
// first minute after a hand moved; what was hidden, without focus or idle is kept apart, and a pause is no part of it.
const IDLE_MS = 60_000;
const MOVES = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

class CaseClock {
  constructor(now = () => Date.now()) {
    this.now = now;
    this.since = this.moved = now();
    this.isPaused = true; // until a case begins
    this.begin();
    const settle = () => this.settle();
    document.addEventListener("visibilitychange", settle);
    for (const name of ["blur", "focus"]) window.addEventListener(name, settle);
    const move = () => {
      this.settle();
      this.moved = this.since;
    };
    for (const name of MOVES) window.addEventListener(name, move, { capture: true, passive: true });
  }

  begin() {
    this.parts = { active: 0, hidden: 0, unfocused: 0, idle: 0, paused: 0 };
    this.since = this.moved = this.now();
    this.remember();
  }

  pause(isPaused) {
    this.settle();
    this.isPaused = isPaused;
    this.moved = this.since;
    this.remember();
  }

  // How the time since the last change was spent is known from how the page stood then.
  settle() {
    const now = this.now(),
      span = Math.max(0, now - this.since); // a clock that was set back counts for nothing
    if (this.stood !== "active") this.parts[this.stood] += span;
    else {
      const idle = Math.min(span, Math.max(0, now - this.moved - IDLE_MS));
      this.parts.idle += idle;
      this.parts.active += span - idle;
    }
    this.since = now;
    this.remember();
  }

  remember() {
    if (this.isPaused) this.stood = "paused";
    else if (document.hidden) this.stood = "hidden";
    else this.stood = document.hasFocus() ? "active" : "unfocused";
  }

  // Seconds since the last time they were taken: what the parts of one case and phase add up from.
  take() {
    this.settle();
    const { active, hidden, unfocused, idle } = this.parts,
      seconds = (ms) => Math.min(86_400, Math.round(ms) / 1000);
    this.parts = { active: 0, hidden: 0, unfocused: 0, idle: 0, paused: 0 };
    return {
      active_s: seconds(active),
      hidden_s: seconds(hidden),
      unfocused_s: seconds(unfocused),
      idle_s: seconds(idle),
    };
  }
}
