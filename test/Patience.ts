/**
 * How long a test waits for what must come. Only a bug reaches this limit: on a busy machine everything takes ten times as long as on
 * an idle one. It is below the limit of a whole test (vitest.config.ts), so that a failure names what did not come.
 */
export const waitMsMax = 180_000
