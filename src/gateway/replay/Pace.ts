import type { ReplaySpeed } from "../../contract/sockets/SocketMessages.ts"

/** When a playback was at which time of its stream. Both are UNIX ms, of this process's clock and of the stored messages. */
export interface Anchor {
  readonly atMs: number
  readonly streamMs: number
}

/** How long a message must still wait, in ms; zero when it is due. */
export const waitMs = ({ atMs, streamMs }: Anchor, speed: ReplaySpeed, messageMs: number, nowMs: number): number =>
  speed === "max" ? 0 : Math.max(0, atMs + (messageMs - streamMs) / speed - nowMs)

/** The time of the stream at which a playback stands now. */
export const streamMsAt = ({ atMs, streamMs }: Anchor, speed: ReplaySpeed, nowMs: number): number =>
  speed === "max" ? streamMs : streamMs + (nowMs - atMs) * speed
