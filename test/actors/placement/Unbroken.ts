/** Compares what the actors of several processes published with the outputs of one uninterrupted fold of the record. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { JsMsg, NatsConnection } from "nats"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import { OutputGuard } from "../../../src/domain/record/OutputGuard.ts"
import * as OutputPlace from "../../../src/domain/record/OutputPlace.ts"
import type { RecordInput } from "../../../src/domain/record/RecordInput.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import { decode } from "../../../src/streams/Record.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"

/** The default settings of the deciders. */
const settings = { rate: 0.065, dividendYield: 0, staleAfterMs: 120_000 }

export const all = (nc: NatsConnection, stream: string, filter: string) =>
  Effect.promise(async () => {
    const consumer = await nc.jetstream().consumers.get(stream, { filterSubjects: [filter] })
    let left = (await consumer.info()).num_pending
    const found: Array<JsMsg> = []
    while (left > 0) {
      for await (const message of await consumer.fetch({ max_messages: Math.min(left, 500), expires: 2_000 })) {
        found.push(message)
        left--
      }
    }
    return found
  })
const inputOf = (message: JsMsg): RecordInput => {
  const header = (name: string) => message.headers?.get(name) ?? ""
  const input = decode({ _tag: "Message", subject: message.subject, seq: message.seq, timeMs: 0, pending: 0, data: message.data, header })
  if (input._tag === "Refused") throw new Error(`${message.subject}: ${input.reason}`)
  return input
}
/**
 * The record messages that caused the outputs on a subject. Like every reader, it refuses messages that a frozen process still had in its
 * socket when another process replaced it.
 */
const causes = (nc: NatsConnection, stream: string, subject: string) =>
  Effect.map(all(nc, stream, subject), (found) => {
    const guard = new OutputGuard()
    const header = (message: JsMsg) => (name: string) => message.headers?.get(name) ?? ""
    const accepted = found.filter((message) => guard.refusal({ subject, seq: message.seq, header: header(message) }) === undefined)
    return accepted.flatMap((message) => OutputPlace.parse(header(message)(OutputPlace.name))?.seq ?? [])
  })

export const comparedMin = 10
/** Checks that the outputs from the first to the last message equal those of an uninterrupted fold, without gaps and duplicates. */
const isUnbroken = (what: string, sent: ReadonlyArray<number>, whole: ReadonlyArray<number>) => {
  assert.isAbove(sent.length, comparedMin, what)
  const [first = 0, last = 0] = [sent[0], sent[sent.length - 1]]
  const expected = whole.filter((seq) => seq >= first && seq <= last)
  const lacking = expected.filter((seq) => !sent.includes(seq))
  const surplus = sent.filter((seq) => !expected.includes(seq))
  const found = { lacking, surplus, count: sent.length }
  assert.deepStrictEqual(found, { lacking: [], surplus: [], count: expected.length }, `${what}: ${JSON.stringify(found)}`)
}

export const optionsOf = (instruments: ReadonlyArray<Instrument.Instrument>, name: string) => {
  const options = instruments.filter((one) => one.name === name && (one.instrumentType === "CE" || one.instrumentType === "PE"))
  const [nearest] = options.map(({ expiry }) => expiry ?? "").sort()
  const chain = options.filter(({ expiry }) => expiry === nearest).sort((a, b) => a.strike - b.strike)
  const middle = Math.floor(chain.length / 2)
  return chain.slice(middle - 4, middle + 4)
}

interface Compared {
  readonly expiry: string
  readonly ids: ReadonlyArray<number>
  readonly user: string
}

/** Checks that the deltas of a chain of NIFTY and the marks of a user's strategies are those of an uninterrupted fold of the record. */
export const areUnbroken = (nc: NatsConnection, record: ReadonlyArray<JsMsg>, { expiry, ids, user }: Compared) =>
  Effect.gen(function* () {
    // The events of instruments (Lives) are outputs that are stored in the record; no decider reads them.
    const inputs = record.filter(({ subject }) => !subject.startsWith("md.life.")).map(inputOf)
    const nifty = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings })
    let state = nifty.initial
    const deltas: Array<number> = []
    for (const input of inputs) {
      const [next, outputs] = nifty.decide(state, input)
      state = next
      for (const output of outputs) if (output.kind === "delta") deltas.push(output.seq)
    }
    const deltaSubject = Subjects.ChainDelta.at({ exchange: "NSE", underlying: "NIFTY", expiry })
    isUnbroken(deltaSubject, yield* causes(nc, "OPT", deltaSubject), deltas)
    // The strategies of an actor share their chains: a definition of one has the chain computed again for all. So they are folded together.
    const decider = M2mDecider.make({ settings, takes: ({ strategy_id }) => ids.includes(strategy_id) })
    let strategies = decider.initial
    const marks: Array<{ readonly strategyId: number; readonly seq: number }> = []
    for (const input of inputs) {
      const [next, outputs] = decider.decide(strategies, input)
      strategies = next
      for (const { kind, seq, strategyId } of outputs) if (kind === "mark") marks.push({ strategyId, seq })
    }
    for (const id of ids) {
      const own = marks.filter(({ strategyId }) => strategyId === id).map(({ seq }) => seq)
      const subject = Subjects.Mark.at({ owner: user, strategy: String(id) })
      // An actor that started before its strategy had a leg began in the middle of the record. It publishes its value at once,
      // which a fold from the beginning does not do there.
      const definedAt = inputs.findLast((input) => input._tag === "Definition" && input.definition.strategy_id === id)?.seq ?? 0
      const [, ...sent] = (yield* causes(nc, "STRAT", subject)).filter((seq) => seq > definedAt)
      isUnbroken(subject, sent, own)
    }
  })
