import * as FrameGuard from "../../domain/market/FrameGuard.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import type { Message } from "../../streams/JetStream.ts"
import type * as Inputs from "./Inputs.ts"

/** True: decide the message. False: it was decided before. A text: the reason why it must not be decided. */
export type Verdict = boolean | string

/** Admits each frame once, and no frame of a replaced process. */
const frames = (): ((message: Message) => Verdict) => {
  const guards = new Map<string, FrameGuard.State>()
  return ({ header, subject }) => {
    const text = header(FrameHeader.name)
    const frame = FrameHeader.isOf(text, subject) ? FrameHeader.parse(text) : undefined
    if (frame === undefined) return "the frame's header is missing or not ours"
    const guard = guards.get(subject) ?? FrameGuard.make()
    guards.set(subject, guard)
    return FrameGuard.accept(guard, frame) !== FrameGuard.dropped
  }
}

const outputs = (): ((message: Message) => Verdict) => {
  const guard = new OutputGuard()
  return (message) => guard.refusal(message) ?? true
}

/** Judges the messages of one read, in their order. */
export const make = ({ guard }: Inputs.Reading): ((message: Message) => Verdict) => {
  switch (guard) {
    case "frames":
      return frames()
    case "outputs":
      return outputs()
    case "none":
      return () => true
  }
}
