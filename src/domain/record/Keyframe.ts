import * as IndiaTime from "../IndiaTime.ts"

/**
 * md.key.<exchange>.<underlying>.<account>.<part>: the last packets of the instruments that one account streams, in the layout of a frame.
 * A reader without a state folds the newest keyframe of each account and then the record after it, which is little more than a minute.
 *
 * Each instrument has one or two packets, ordered by receive time. The last one of all comes second. The one before it is what open interest
 * is compared with: the last packet of the day before, or the first packet when there is no day before. The header's number is that of the
 * account's next frame on the underlying's subject, so that a reader counts frames from there.
 */

/** The header with the keyframe's market time in UNIX ms. The keyframe includes every packet received before it. */
export const timeHeader = "Tarang-Key"

export const everyMs = 60_000
/** A keyframe is published this long before each full minute, so that a reader that starts from it sees the whole next minute. */
export const leadMs = 2_000
/** An instrument list without a new packet is written again after this long, so that retention does not remove it. */
export const repeatMs = 3_600_000
/** Instruments per message. Two full packets each with their receive times stay below 400 KB, and their header below 64 KB. */
export const instrumentsMax = 1_000

/** Numbers the keyframes: it grows by one when the next keyframe is due. */
export const numberAt = (atMs: number): number => Math.floor((atMs + leadMs) / everyMs)

/**
 * For this much market time a state that began at keyframes may publish other messages than one that has folded everything: its first window sends
 * every row, it may not know the clock of each account yet (2 s), and a chain without packets is computed again only in the next period (5 s).
 */
export const settleMs = 8_000

/**
 * A state that begins at a keyframe of this time or an earlier one is settled at `atMs`, and has seen the whole minute of `atMs`. With a keyframe
 * each minute, the newest such keyframe is at most 70 s back.
 */
export const settledBy = (atMs: number): number => Math.min(IndiaTime.minuteFloor(atMs), atMs - settleMs)

const digits = /^\d{1,15}$/

/** Market time of a keyframe; NaN for a header that `timeHeader`'s publisher did not write. */
export const parseTime = (header: string): number => (digits.test(header) ? Number(header) : Number.NaN)
