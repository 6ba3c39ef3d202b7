import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser, type User } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { BackfillRepo } from "../../store/backfill/BackfillRepo.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import * as Caller from "../../store/owners/Caller.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { Changes } from "../shared/Changes.ts"
import { found, foundOption, instrumentsLoaded } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

/** The most of Kite's windows that one instrument of a backfill may need. */
const windowsMax = 10

const isOf = (job: BackfillRepo.Job, user: User): boolean => user.role === "admin" || job.createdBy === user.id

const viewFor = (user: User) => (job: BackfillRepo.Job) => ({
  backfill_id: job.backfillId,
  created_by: isOf(job, user) ? job.createdBy : null,
  timeframe: KiteHistory.byMinutes(job.minutes)?.name ?? `${job.minutes}minute`,
  from: job.fromDay,
  to: job.toDay,
  state: job.state,
  problem: job.problem,
  instruments: job.total,
  done: job.done,
  errors: job.failed,
  days_missing: job.daysMissing,
  requests: job.requests,
  rows: job.rows,
  created_at: job.createdAt.toISOString(),
  ended_at: job.endedAt?.toISOString() ?? null
})

const partOf = ({ daysMissing, error, exchange, requests, rows, state, tradingsymbol, tries }: BackfillRepo.Part) => ({
  exchange,
  tradingsymbol,
  state,
  days_missing: daysMissing,
  requests,
  rows,
  tries,
  error
})

/** The refusal of a span, or none. Days count from both ends. */
const spanProblem = (from: string, to: string, daysMax: number): Problem.Invalid | undefined => {
  if (from > to) return Problem.reversedSpan()
  const days = Math.round((IndiaTime.istMidnightMs(to) - IndiaTime.istMidnightMs(from)) / IndiaTime.dayMs) + 1
  return days > daysMax ? Problem.invalidField("from", `at most ${daysMax} days of this timeframe in one backfill`) : undefined
}

export const BackfillHttp = HttpApiBuilder.group(
  Api,
  "backfills",
  Effect.fnUntraced(function* (handlers) {
    const repo = yield* BackfillRepo
    const registry = yield* InstrumentRegistry
    const subscriptions = yield* SubscriptionRepo
    const symbols = yield* Symbols
    const changes = yield* Changes

    const backfill = (id: number) => Effect.flatMap(orProblem(repo.byId(id)), foundOption("Backfill"))
    /** The named instruments, or those that are subscribed, each once. */
    const instrumentsOf = (names: ReadonlyArray<string> | undefined) =>
      Effect.gen(function* () {
        yield* instrumentsLoaded(registry)
        if (names !== undefined) {
          const all = yield* Effect.forEach(names, (name) => found("Symbol", symbols.find(name)))
          return [...new Set(all)]
        }
        const active = yield* orProblem(subscriptions.active)
        const all = active.flatMap(({ instrumentToken }) => registry.byToken(instrumentToken) ?? [])
        if (all.length === 0) return yield* Problem.invalidField("symbols", "nothing is subscribed: name the instruments")
        return all
      })

    return handlers
      .handle("list", ({ urlParams: { limit, offset } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const { rows, total } = yield* orProblem(repo.list(limit, offset))
          return { backfills: rows.map(viewFor(user)), total, limit, offset }
        })
      )
      .handle("create", ({ payload: { symbols: names, timeframe, from, to } }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const wrong = spanProblem(from, to, windowsMax * timeframe.daysMax)
          if (wrong !== undefined) return yield* wrong
          const instruments = yield* instrumentsOf(names)
          const id = yield* orProblem(repo.create(user.id, { minutes: timeframe.minutes, fromDay: from, toDay: to, instruments }))
          yield* changes.poke("backfills")
          return viewFor(user)(yield* backfill(id))
        })
      )
      .handle("get", ({ path }) => Effect.flatMap(CurrentUser, (user) => Effect.map(backfill(path.id), viewFor(user))))
      .handle("instruments", ({ path, urlParams: { limit, offset } }) =>
        Effect.gen(function* () {
          const { backfillId, total } = yield* backfill(path.id)
          const rows = yield* orProblem(repo.instruments(backfillId, limit, offset))
          return { instruments: rows.map(partOf), total, limit, offset }
        })
      )
      .handle("cancel", ({ path }) =>
        Effect.gen(function* () {
          const user = yield* CurrentUser
          const job = yield* backfill(path.id)
          if (!isOf(job, user)) return yield* new Problem.Forbidden({ detail: "Forbidden" })
          if (!(yield* Caller.asOwner(job.createdBy)(orProblem(repo.cancel(job.backfillId)))))
            return yield* new Problem.Conflict({ detail: "The backfill has ended" })
          return viewFor(user)(yield* backfill(path.id))
        })
      )
  })
)
