/**
 * The error numbers of the NATS server (`err_code` of its answers) that the platform treats specially. An answer's HTTP code is too coarse:
 * 404 stands for a missing stream, consumer and message alike.
 */

export const consumerNotFound = 10_014
export const noMessageFound = 10_037
/** The message is larger than the stream allows. */
export const messageTooLarge = 10_054
export const streamNotFound = 10_059
/** "Wrong last sequence": another writer was first. */
export const wrongLastSequence: ReadonlySet<number> = new Set([10_071, 10_164])
/** The store takes nothing: no resources, no memory, no disk, not enabled, or a write that failed. */
export const storeFailures: ReadonlySet<unknown> = new Set([10_023, 10_028, 10_039, 10_047, 10_076, 10_077])
