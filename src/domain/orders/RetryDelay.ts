const firstMs = 1_000
const longestMs = 30_000
/** A delay is a random length between this share of the full length and the full length, so that many tasks do not retry at once. */
const least = 0.5

/** The wait after `failures` failures (1 is the first): 1, 2, 4, 8, 16, at most 30 s, shortened by `jitter` in [0, 1]; 1 is the full wait. */
export const delayMs = (failures: number, jitter: number): number =>
  Math.round(Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (least + (1 - least) * jitter))
