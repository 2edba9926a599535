// Of many wishes in a row, as a slider makes, only the newest matters.

const PATIENCE = 300; // milliseconds that an outdated request may still take; aborting all would show nothing meanwhile

/** Gives `wish(work)`: one `work(signal)` runs at a time, and then the newest that was wished for meanwhile. */
export function newestOnly(onError) {
  let running = null;
  let next = null;

  async function run(work) {
    const controller = new AbortController();
    running = { controller, since: performance.now() };
    try {
      await work(controller.signal);
    } catch (error) {
      if (error.name !== "AbortError") onError(error);
    }
    running = null;
    const newest = next;
    next = null;
    if (newest) run(newest);
  }

  function wish(work) {
    if (!running) return void run(work);
    next = work;
    setTimeout(giveUp, Math.max(0, running.since + PATIENCE - performance.now()), running);
  }

  function giveUp(outdated) {
    if (running === outdated && next) outdated.controller.abort();
  }

  /** Forgets all wishes, as when the user goes elsewhere. */
  wish.stop = () => {
    next = null;
    running?.controller.abort();
  };
  return wish;
}
