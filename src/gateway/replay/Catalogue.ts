import type { StreamName } from "../../contract/replay/ReplayApi.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import type { Message } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"

interface Replayable {
  readonly template: string
  readonly stream: string
  readonly at: (names: never) => string
}

const subjects = {
  "md.frame": Subjects.Frame,
  "md.life": Subjects.Life,
  "md.break": Subjects.Break,
  "md.tick": Subjects.Tick,
  "md.bar": Subjects.Bars,
  "opt.delta": Subjects.ChainDelta,
  "opt.chain": Subjects.ChainKeyframe,
  "opt.minute": Subjects.ChainMinute,
  "und.state": Subjects.UnderlyingState,
  ind: Subjects.Indicator,
  "strat.m2m": Subjects.Mark,
  "strat.candle": Subjects.Candle,
  "strat.evt": Subjects.StrategyEvent,
  "ord.evt": Subjects.OrderTaskEvent,
  "acct.evt": Subjects.AccountEvent,
  "label.evt": Subjects.LabelEvent
} as const satisfies Record<StreamName, Replayable>

/** Separates the names in a key. */
const separator = ":"
const namesOf = (template: string): ReadonlyArray<string> => [...template.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name)

/** One concrete subject: a stream of the catalogue with the names that a key contains. */
export interface Found {
  readonly name: StreamName
  readonly key: string
  readonly stream: string
  readonly subject: string
  readonly names: Readonly<Record<string, string>>
}

/** The names in a stream's key, in their order. The owner is always the caller. */
export const keyForm = (name: StreamName): ReadonlyArray<string> => namesOf(subjects[name].template).filter((one) => one !== "owner")

/**
 * The subject of a key, or undefined when the key does not contain the stream's names. Each name becomes one token of the subject, so a
 * key cannot ask for more than one subject.
 */
export const find = (name: StreamName, key: string, owner: string): Found | undefined => {
  const form = keyForm(name)
  const parts = key.split(separator)
  if (parts.length !== form.length || parts.some((part) => part === "")) return undefined
  const names = Object.fromEntries(form.map((one, at) => [one, parts[at] ?? ""]))
  const { stream, at } = subjects[name]
  return { name, key, stream, names, subject: (at as (all: Readonly<Record<string, string>>) => string)({ ...names, owner }) }
}

const isText = (name: StreamName): boolean => name !== "md.frame"
const toText = new TextDecoder()

/** A stored message's body as JSON: its own text, or the bytes of a frame. Undefined for a text that is not JSON. */
export const bodyOf = (name: StreamName, { data, header }: Message): string | undefined => {
  if (!isText(name)) return JSON.stringify({ base64: Buffer.from(data).toString("base64"), header: header(FrameHeader.name) })
  const text = toText.decode(data)
  try {
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}
