import type { Break } from "./Break.ts"
import * as ClockFrame from "./ClockFrame.ts"
import * as FrameHeader from "./FrameHeader.ts"
import * as KeyframeRules from "./Keyframe.ts"
import type { Reference } from "./Reference.ts"
import type * as StrategyDefinition from "./StrategyDefinition.ts"

/** Packets of one underlying. As in every input, `seq` is the message's MD_FRAMES sequence. */
export interface Frame {
  readonly _tag: "Frame"
  readonly seq: number
  readonly exchange: string
  readonly underlying: string
  readonly header: FrameHeader.FrameHeader
  readonly bytes: Uint8Array
}
/** The last packets of one account's instruments of one underlying; `header.number` is the account's next frame number there. */
export interface Keyframe extends Omit<Frame, "_tag"> {
  readonly _tag: "Keyframe"
  /** Market time. The keyframe includes every packet received before it. */
  readonly atMs: number
}
/** Packets of one account that are missing from an underlying's frames. */
export interface Interruption {
  readonly _tag: "Break"
  readonly seq: number
  readonly interruption: Break
}
/** All frames of `account` received before `atMs` came earlier in the stream. */
export interface Clock {
  readonly _tag: "Clock"
  readonly seq: number
  readonly account: string
  readonly atMs: number
}
/** All streamed instruments of one underlying. */
export interface ReferenceInput {
  readonly _tag: "Reference"
  readonly seq: number
  readonly reference: Reference
}
/** The legs of one strategy, always all of them. */
export interface Definition {
  readonly _tag: "Definition"
  readonly seq: number
  readonly definition: StrategyDefinition.Definition
}

/** The inputs of every actor that folds the record, in stream order. */
export type RecordInput = Frame | Keyframe | Interruption | Clock | ReferenceInput | Definition

/** Why a message of the record cannot be used; stored with the dead letter. */
export type Refused = "frame header" | "frame header of another account" | "keyframe time" | "clock frame"

/** A frame of the stream. Its packets are checked one by one when they are folded. */
export const frame = (seq: number, exchange: string, underlying: string, headerText: string, bytes: Uint8Array): Frame | Refused => {
  const header = FrameHeader.parse(headerText)
  return header === undefined ? "frame header" : { _tag: "Frame", seq, exchange, underlying, header, bytes }
}

export const keyframe = (
  seq: number,
  subject: { readonly exchange: string; readonly underlying: string; readonly account: string },
  headers: { readonly frame: string; readonly time: string },
  bytes: Uint8Array
): Keyframe | Refused => {
  const header = FrameHeader.parse(headers.frame)
  if (header === undefined) return "frame header"
  const { exchange, underlying, account } = subject
  if (header.account !== account) return "frame header of another account"
  const atMs = KeyframeRules.parseTime(headers.time)
  return Number.isNaN(atMs) ? "keyframe time" : { _tag: "Keyframe", seq, exchange, underlying, header, atMs, bytes }
}

/** A clock frame without a header is that of its subject. */
export const clock = (seq: number, account: string, headerText: string, bytes: Uint8Array): Clock | Refused => {
  if (headerText !== "" && FrameHeader.parse(headerText)?.account !== account) return "frame header of another account"
  const atMs = ClockFrame.decode(bytes)
  return Number.isNaN(atMs) ? "clock frame" : { _tag: "Clock", seq, account, atMs }
}

export const interruption = (seq: number, value: Break): Interruption => ({ _tag: "Break", seq, interruption: value })

export const reference = (seq: number, value: Reference): ReferenceInput => ({ _tag: "Reference", seq, reference: value })

export const definition = (seq: number, value: StrategyDefinition.Definition): Definition => ({
  _tag: "Definition",
  seq,
  definition: value
})
