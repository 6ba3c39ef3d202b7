/** How long an account rests after the broker refused its requests with 429. */

/** How long an account rests if the answer does not say it. Kite documents no Retry-After header. */
export const restsForMs = 30_000
export const restsForMsMax = 300_000

/** `retryAfterMs` is what the broker asked for; null if it asked for nothing. */
export const restMs = (retryAfterMs: number | null): number =>
  retryAfterMs === null || !(retryAfterMs > 0) ? restsForMs : Math.min(Math.ceil(retryAfterMs), restsForMsMax)
