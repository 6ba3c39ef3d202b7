import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { LabelRepo } from "../../store/labels/LabelRepo.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { Changes } from "../shared/Changes.ts"
import { foundOption } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as Marks from "./Marks.ts"

interface Chart {
  readonly symbol: string
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly resolution: string
}
const dateOf = (value: Date | string | number): Date => new Date(value)

export const LabelsHttp = HttpApiBuilder.group(
  Api,
  "labels",
  Effect.fnUntraced(function* (handlers) {
    const repo = yield* LabelRepo
    const symbols = yield* Symbols
    const changes = yield* Changes
    const marks = yield* Marks.make

    const inOrder = ({ from, to }: Pick<Chart, "from" | "to">) =>
      from !== undefined && to !== undefined && from > to ? Effect.fail(Problem.reversedSpan()) : Effect.void
    const asked = ({ symbol, from, to, resolution }: Chart) =>
      Effect.gen(function* () {
        yield* inOrder({ from, to })
        return { instrument: yield* symbols.instrumentOf(symbol), fromMs: from, toMs: to, resolution }
      })

    return handlers
      .handle("list", ({ urlParams: { symbol, from, to, limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* inOrder({ from, to })
          const instrument = symbol === undefined ? undefined : yield* symbols.instrumentOf(symbol)
          const query = {
            instrument,
            from: from === undefined ? undefined : dateOf(from),
            to: to === undefined ? undefined : dateOf(to)
          }
          return { ...(yield* orProblem(repo.list(user.id, query, limit, offset))), limit, offset }
        })
      )
      .handle("create", ({ payload: { symbol, time, ...rest } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { exchange, tradingsymbol } = yield* symbols.instrumentOf(symbol)
          const label = yield* orProblem(repo.create(user.id, { exchange, tradingsymbol, at: dateOf(time), ...rest }))
          yield* changes.poke("labels")
          return label
        })
      )
      .handle("change", ({ path, payload: { time, ...rest } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const patch = { ...rest, ...(time === undefined ? {} : { at: dateOf(time) }) }
          const label = yield* Effect.flatMap(orProblem(repo.change(user.id, path.id, patch)), foundOption("Label"))
          yield* changes.poke("labels")
          return label
        })
      )
      .handle("remove", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          yield* Effect.flatMap(orProblem(repo.remove(user.id, path.id)), foundOption("Label"))
          yield* changes.poke("labels")
          return { message: "Label deleted" }
        })
      )
      .handle("marks", ({ urlParams }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          return yield* marks.bars(user.id, yield* asked(urlParams))
        })
      )
      .handle("timescaleMarks", ({ urlParams }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          return yield* marks.timescale(user.id, yield* asked(urlParams))
        })
      )
  })
)
