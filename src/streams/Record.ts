import { Either } from "effect"
import * as FrameHeader from "../domain/record/FrameHeader.ts"
import * as Keyframe from "../domain/record/Keyframe.ts"
import * as RecordInput from "../domain/record/RecordInput.ts"
import type { Message } from "./JetStream.ts"
import * as Subjects from "./Subjects.ts"

/** The stream from which all actors fold their state. */
export const stream = Subjects.Frame.stream

/** What a record message says, or why it says nothing: for the dead letter. */
export type Decoded = RecordInput.RecordInput | { readonly _tag: "Refused"; readonly reason: string }
export type Kind = "frame" | "keyframe" | "break" | "clock" | "definition" | "unknown"

/** How the messages of one subject are read: found once per subject, not per message. */
interface Reader {
  readonly kind: Kind
  readonly decode: (message: Message) => Decoded
}

/** The most subjects to remember. Anybody may publish on any subject, so a full list is cleared. */
const readersMax = 20_000
const readers = new Map<string, Reader>()

const taken = (input: RecordInput.RecordInput | RecordInput.Refused): Decoded =>
  typeof input === "string" ? { _tag: "Refused", reason: input } : input
const either = <A>(decoded: Either.Either<A, unknown>, make: (value: A) => RecordInput.RecordInput): Decoded =>
  Either.match(decoded, { onLeft: (error) => ({ _tag: "Refused", reason: String(error) }), onRight: make })

const makeReader = (subject: string): Reader => {
  const frame = Subjects.Frame.match(subject)
  if (frame !== undefined) {
    const { exchange, underlying } = frame
    return {
      kind: "frame",
      decode: ({ seq, header, data }) => taken(RecordInput.frame(seq, exchange, underlying, header(FrameHeader.name), data))
    }
  }
  const keyframe = Subjects.Keyframe.match(subject)
  if (keyframe !== undefined) {
    return {
      kind: "keyframe",
      decode: ({ seq, header, data }) =>
        taken(RecordInput.keyframe(seq, keyframe, { frame: header(FrameHeader.name), time: header(Keyframe.timeHeader) }, data))
    }
  }
  if (Subjects.Break.match(subject) !== undefined) {
    const decode = ({ seq, data }: Message) => either(Subjects.Break.read(subject, data), (value) => RecordInput.interruption(seq, value))
    return { kind: "break", decode }
  }
  const clock = Subjects.Clock.match(subject)
  if (clock !== undefined) {
    const { account } = clock
    return { kind: "clock", decode: ({ seq, header, data }) => taken(RecordInput.clock(seq, account, header(FrameHeader.name), data)) }
  }
  if (Subjects.MarketReference.match(subject) !== undefined) {
    const decode = ({ seq, data }: Message) =>
      either(Subjects.MarketReference.read(subject, data), (value) => RecordInput.reference(seq, value))
    return { kind: "definition", decode }
  }
  if (Subjects.StrategyDefinition.match(subject) !== undefined) {
    const decode = ({ seq, data }: Message) =>
      either(Subjects.StrategyDefinition.read(subject, data), (value) => RecordInput.definition(seq, value))
    return { kind: "definition", decode }
  }
  return { kind: "unknown", decode: () => ({ _tag: "Refused", reason: "unknown subject" }) }
}

const readerOf = (subject: string): Reader => {
  const known = readers.get(subject)
  if (known !== undefined) return known
  if (readers.size >= readersMax) readers.clear()
  const reader = makeReader(subject)
  readers.set(subject, reader)
  return reader
}

export const kindOf = (subject: string): Kind => readerOf(subject).kind

/** A record message as a decider's input. Deciders only read it, so one serves every actor that takes the message. */
export const decode = (message: Message): Decoded =>
  FrameHeader.isOf(message.header(FrameHeader.name), message.subject)
    ? readerOf(message.subject).decode(message)
    : { _tag: "Refused", reason: "frame header of another subject" }
