/**
 * A publisher whose newest clock is this much older than the newest clock of all is not waited for. It is as long as the publishers of one
 * process wait for one another.
 */
export const waitMsMax = 2_000

/**
 * The newest clock of each account that publishes, UNIX ms. A clock leaves behind the packets that its account received before it, but nothing
 * is known of packets that another process has still to publish. So event time is what every live account has reached. It depends on the
 * record alone.
 */
export type LiveClocks = Map<string, number>

export const make = (): LiveClocks => new Map()

/** Takes a keyframe, with which a state begins. Its account published until then, and may go on: it is waited for from the first clock on. */
export const startAt = (clocks: LiveClocks, account: string, atMs: number): void => {
  clocks.set(account, Math.max(atMs, clocks.get(account) ?? atMs))
}

/** Takes a clock, and returns the instant that all live accounts have reached. It may be earlier than one returned before. */
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
