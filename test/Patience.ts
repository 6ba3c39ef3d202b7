/**
 * How long a test waits for what must come. Only a bug reaches this limit: on a busy machine everything takes ten times as long as on
 * an idle one. It is below the limit of a whole test (vitest.config.ts), so that a failure names what did not come.
 */
export const waitMsMax = 180_000

/**
 * The pause before a test looks again, after it has waited `waitedMs`. A look costs a request, so a long wait has longer pauses: a tenth
 * of what was waited, between 25 and 100 ms.
 */
export const pauseMs = (waitedMs: number): number => Math.min(100, Math.max(25, waitedMs / 10))
