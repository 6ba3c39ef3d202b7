const firstMs = 400
const maxMs = 8_000
/** After a connection that lived this long, the backoff restarts with the shortest wait. */
export const healthyMs = 5_000

/** How long to wait before attempt `failures` (1 is the first retry). `random` in [0, 1) spreads the reconnects of many clients. */
export const waitMs = (failures: number, random: number): number => {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 16))
  return Math.round(full * (0.5 + random / 2))
}
