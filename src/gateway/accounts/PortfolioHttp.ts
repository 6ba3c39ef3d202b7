import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { PortfolioRepo } from "../../store/accounts/PortfolioRepo.ts"
import { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { type Paging, pageOf } from "../shared/Paging.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as PaperFigures from "./PaperFigures.ts"

/** How long an answer waits for a comparison with the broker. The comparison continues after the answer. */
const syncWaitMsMax = 15_000
const lookEveryMs = 100

const iso = (date: Date | null | undefined): string | null => date?.toISOString() ?? null

/** What the broker says about an account, as the account's executor last read it. */
const brokerFigures = Effect.gen(function* () {
  const repo = yield* PortfolioRepo
  const marketClock = yield* MarketClock
  const of = (account_id: string, asOf: Date | null | undefined) => ({ account_id, source: "broker" as const, as_of: iso(asOf) })
  const queryOf = (accountId: string, { limit, offset }: Paging) => ({
    accountId,
    day: IndiaTime.istDate(marketClock.unsafeNow()),
    limit,
    offset
  })
  /** Orders and trades are as new as the newest reading. */
  const readAt = (id: string) => Effect.map(orProblem(repo.positions(id)), (reading) => reading?.asOf)
  return {
    orders: (id: string, paging: Paging) =>
      Effect.gen(function* () {
        const { rows, total } = yield* orProblem(repo.orders(queryOf(id, paging)))
        return { ...of(id, yield* readAt(id)), orders: rows.map(({ order }) => order), total, ...paging }
      }),
    trades: (id: string, paging: Paging) =>
      Effect.gen(function* () {
        const { rows, total } = yield* orProblem(repo.trades(queryOf(id, paging)))
        return { ...of(id, yield* readAt(id)), trades: rows, total, ...paging }
      }),
    positions: (id: string) =>
      Effect.map(orProblem(repo.positions(id)), (reading) => ({ ...of(id, reading?.asOf), ...(reading?.body ?? { net: [], day: [] }) })),
    holdings: (id: string, paging: Paging) =>
      Effect.map(orProblem(repo.holdings(id)), (reading) => {
        const all = reading?.body ?? []
        const holdings = pageOf(all, paging)
        return { ...of(id, reading?.asOf), holdings, total: all.length, ...paging }
      }),
    funds: (id: string) =>
      Effect.map(orProblem(repo.funds(id)), (reading) => ({
        ...of(id, reading?.asOf),
        ...(reading?.body ?? { equity: null, commodity: null }),
        charges: null
      })),
    /** Asks the executor for a comparison, and waits for it. */
    sync: (id: string) =>
      Effect.gen(function* () {
        const asked = yield* orProblem(repo.ask(id))
        const untilMs = (yield* SteadyTime.nowMs) + syncWaitMsMax
        while (true) {
          const sync = yield* orProblem(repo.sync(id))
          const isDone = sync !== null && sync.done >= asked
          if (isDone) return { ...of(id, sync.doneAt), state: "synced" as const, differences: sync.differences }
          if ((yield* SteadyTime.nowMs) >= untilMs) return { ...of(id, sync?.doneAt), state: "asked" as const, differences: [] }
          yield* Effect.sleep(lookEveryMs)
        }
      })
  } as const
})

export const PortfolioHttp = HttpApiBuilder.group(
  Api,
  "portfolio",
  Effect.fnUntraced(function* (handlers) {
    const rights = yield* AccountRights.make
    const accounts = yield* OrderAccounts
    const broker = yield* brokerFigures
    const paper = yield* PaperFigures.make
    /** Reads the figures of the account's own mode. */
    const figures = <A, B, E, R, F, S>(id: string, ofBroker: Effect.Effect<A, E, R>, ofPaper: Effect.Effect<B, F, S>) =>
      Effect.gen(function* () {
        yield* rights.userOfPath(id)
        const { mode } = yield* orProblem(accounts.settings(id))
        return yield* mode === "live" ? ofBroker : ofPaper
      })
    return handlers
      .handle("sync", ({ path: { id } }) => Effect.zipRight(rights.userOfPath(id), broker.sync(id)))
      .handle("orders", ({ path: { id }, urlParams }) => figures(id, broker.orders(id, urlParams), paper.orders(id, urlParams)))
      .handle("trades", ({ path: { id }, urlParams }) => figures(id, broker.trades(id, urlParams), paper.trades(id, urlParams)))
      .handle("positions", ({ path: { id } }) => figures(id, broker.positions(id), paper.positions(id)))
      .handle("holdings", ({ path: { id }, urlParams }) => figures(id, broker.holdings(id, urlParams), paper.holdings(id, urlParams)))
      .handle("funds", ({ path: { id } }) => figures(id, broker.funds(id), paper.funds(id)))
  })
)
