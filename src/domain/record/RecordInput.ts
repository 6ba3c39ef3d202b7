import * as ClockFrame from "./ClockFrame.ts"
import * as FrameHeader from "./FrameHeader.ts"
import type { Reference } from "./Reference.ts"
import type * as StrategyDefinition from "./StrategyDefinition.ts"

/** Packets of one underlying; `seq` is the MD_FRAMES sequence of the message, as in every input. */
export interface Frame {
  readonly _tag: "Frame"
  readonly seq: number
  readonly exchange: string
  readonly underlying: string
  readonly header: FrameHeader.FrameHeader
  readonly bytes: Uint8Array
}
/** Every frame of `account` with a receive time before `atMs` came earlier. */
export interface Clock {
  readonly _tag: "Clock"
  readonly seq: number
  readonly account: string
  readonly atMs: number
}
/** The instruments of one underlying, whole each time. */
export interface ReferenceInput {
  readonly _tag: "Reference"
  readonly seq: number
  readonly reference: Reference
}
/** The legs of one strategy, whole each time. */
export interface Definition {
  readonly _tag: "Definition"
  readonly seq: number
  readonly definition: StrategyDefinition.Definition
}

/** What any actor that folds the record is given, in stream order. */
export type RecordInput = Frame | Clock | ReferenceInput | Definition

/** Why a message of the record is no input: for the dead letter. */
export type Refused = "frame header" | "clock frame"

/** A frame as it stands in the stream; its packets are checked when they are folded, one by one. */
export const frame = (seq: number, exchange: string, underlying: string, headerText: string, bytes: Uint8Array): Frame | Refused => {
  const header = FrameHeader.parse(headerText)
  return header === undefined ? "frame header" : { _tag: "Frame", seq, exchange, underlying, header, bytes }
}

export const clock = (seq: number, account: string, bytes: Uint8Array): Clock | Refused => {
  const atMs = ClockFrame.decode(bytes)
  return Number.isNaN(atMs) ? "clock frame" : { _tag: "Clock", seq, account, atMs }
}

export const reference = (seq: number, value: Reference): ReferenceInput => ({ _tag: "Reference", seq, reference: value })

export const definition = (seq: number, value: StrategyDefinition.Definition): Definition => ({
  _tag: "Definition",
  seq,
  definition: value
})
