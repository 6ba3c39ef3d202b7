import type { ReplaySpeed } from "../../contract/sockets/SocketMessages.ts"

/** A pair of UNIX ms: at the first, by this process's clock, the playback had reached the second, the time of a stored message. */
export interface Anchor {
  readonly atMs: number
  readonly streamMs: number
}

/** How long a message must still wait, in ms; zero when it is due. */
export const waitMs = ({ atMs, streamMs }: Anchor, speed: ReplaySpeed, messageMs: number, nowMs: number): number =>
  speed === "max" ? 0 : Math.max(0, atMs + (messageMs - streamMs) / speed - nowMs)

/** The time of the stream that a playback has reached now. */
export const streamMsAt = ({ atMs, streamMs }: Anchor, speed: ReplaySpeed, nowMs: number): number =>
  speed === "max" ? streamMs : streamMs + (nowMs - atMs) * speed
