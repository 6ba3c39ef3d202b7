import { Effect } from "effect"
import { UdfCaller } from "../../contract/udf/UdfApi.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as Marks from "../labels/Marks.ts"
import * as UdfBars from "./UdfBars.ts"

interface Span {
  readonly from: string
  readonly to: string
  readonly resolution: string
}

type Mark = Effect.Effect.Success<ReturnType<Effect.Effect.Success<typeof Marks.make>["bars"]>>[number]

const columns = (marks: ReadonlyArray<Mark>) => ({
  id: marks.map(({ id }) => id),
  time: marks.map(({ time }) => time),
  color: marks.map(({ color }) => color),
  text: marks.map(({ text }) => text),
  label: marks.map(({ label }) => label),
  labelFontColor: marks.map(({ labelFontColor }) => labelFontColor),
  minSize: marks.map(({ minSize }) => minSize)
})

/** The caller's labels in the protocol's forms. The answer is empty for an unknown symbol, and without a sign-in. */
export const make = Effect.gen(function* () {
  const marks = yield* Marks.make

  const of =
    <A, E>(read: (owner: string, asked: Marks.Asked) => Effect.Effect<ReadonlyArray<A>, E>) =>
    (instrument: Instrument.Instrument | undefined, { from, to, resolution }: Span) =>
      Effect.gen(function* () {
        const { user } = yield* UdfCaller
        const [fromMs, toMs] = [UdfBars.secondsMs(from), UdfBars.secondsMs(to)]
        if (Number.isNaN(fromMs) || Number.isNaN(toMs)) return UdfBars.failure("from and to are whole numbers")
        if (fromMs > toMs) return UdfBars.failure("from must not be after to")
        if (user === null || instrument === undefined) return []
        return yield* read(user.id, { instrument, fromMs, toMs, resolution })
      })
  /** The protocol reports failures by status 200 and a body. */
  const failed = ({ detail }: { readonly detail: string }) => Effect.succeed(UdfBars.failure(detail))
  return {
    bars: (instrument: Instrument.Instrument | undefined, span: Span) =>
      of(marks.bars)(instrument, span).pipe(
        Effect.map((found) => ("s" in found ? found : columns(found))),
        Effect.catchAll(failed)
      ),
    timescale: (instrument: Instrument.Instrument | undefined, span: Span) =>
      of(marks.timescale)(instrument, span).pipe(Effect.catchAll(failed))
  } as const
})
