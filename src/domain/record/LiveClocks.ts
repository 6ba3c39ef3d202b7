/**
 * Event time does not wait for a publisher whose newest clock is more than this much older than the newest clock of all. The publishers of
 * one process wait for one another for the same time.
 */
export const waitMsMax = 2_000

/**
 * The newest clock of each account that publishes, UNIX ms. A clock comes after the packets that its account received before it, but
 * another process may still have packets to publish. So event time is the time that every live account has reached. It depends only on the
 * record.
 */
export type LiveClocks = Map<string, number>

export const make = (): LiveClocks => new Map()

/**
 * Notes a keyframe with which a state begins. Its account published until then and may continue, so event time waits for it from the first
 * clock on.
 */
export const startAt = (clocks: LiveClocks, account: string, atMs: number): void => {
  clocks.set(account, Math.max(atMs, clocks.get(account) ?? atMs))
}

/** Notes a clock, and returns the time that all live accounts have reached. It may be earlier than one returned before. */
export const reached = (clocks: LiveClocks, account: string, atMs: number): number => {
  clocks.set(account, Math.max(atMs, clocks.get(account) ?? atMs))
  let newest = atMs
  for (const at of clocks.values()) if (at > newest) newest = at
  let oldest = newest
  for (const [name, at] of clocks) {
    if (newest - at > waitMsMax) clocks.delete(name)
    else if (at < oldest) oldest = at
  }
  return oldest
}
