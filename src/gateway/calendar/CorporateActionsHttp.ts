import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import type { NewCorporateAction } from "../../contract/calendar/CorporateActionsApi.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { isIdentity } from "../../domain/Ids.ts"
import * as CorporateActions from "../../domain/market/CorporateActions.ts"
import { CorporateActionRepo, type NewAction } from "../../store/calendar/CorporateActionRepo.ts"
import * as Admin from "../shared/Admin.ts"
import { CandleChanges } from "../shared/CandleChanges.ts"
import { notFound } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

const rupees = (paise: number): string => (paise / 100).toFixed(2)
const paise = (text: string | undefined): number => (text === undefined ? 0 : Math.round(Number(text) * 100))

const view = (row: CorporateActionRepo.Action) => ({
  id: row.actionId,
  exchange: row.exchange,
  symbol: row.symbol,
  ex_date: row.exDate,
  kind: row.kind,
  shares_before: row.sharesBefore,
  shares_after: row.sharesAfter,
  price: row.pricePaise === 0 ? null : rupees(row.pricePaise),
  close_before: row.closePaise === 0 ? null : rupees(row.closePaise),
  price_factor: CorporateActions.priceRatio(row),
  volume_factor: CorporateActions.volumeRatio(row),
  source: [...row.source],
  imported_by: row.importedBy,
  imported_at: row.importedAt.toISOString()
})

const read = (it: NewCorporateAction): NewAction => ({
  exchange: it.exchange,
  symbol: it.symbol,
  exDate: it.ex_date,
  kind: it.kind,
  sharesBefore: it.shares_before,
  sharesAfter: it.shares_after,
  pricePaise: paise(it.price),
  closePaise: paise(it.close_before),
  source: it.source
})

export const CorporateActionsHttp = HttpApiBuilder.group(
  Api,
  "corporateActions",
  Effect.fnUntraced(function* (handlers) {
    const repo = yield* CorporateActionRepo
    // Indicators are computed in the newest shares, so an action changes them.
    const candles = yield* CandleChanges
    return handlers
      .handle("list", ({ urlParams: { symbol, limit, offset } }) =>
        Effect.map(orProblem(repo.list({ symbol: symbol ?? null, limit, offset })), ({ rows, total }) => ({
          corporate_actions: rows.map(view),
          total,
          limit,
          offset
        }))
      )
      .handle("importAll", ({ payload }) =>
        Effect.gen(function* () {
          const { id } = yield* Admin.only
          const actions = payload.actions.map(read)
          const wrong = actions.flatMap((action, at) =>
            CorporateActions.problems(action).map(([field, message]) => ({ field: `actions.${at}.${field}`, message }))
          )
          if (wrong.length > 0) return yield* Problem.invalidFields(wrong)
          const saved = yield* orProblem(repo.save(actions, id))
          yield* candles.announce
          yield* Effect.annotateLogs(Effect.logInfo("corporate actions imported"), { audit: "corporate_actions", by: id, saved })
          return { saved, unchanged: actions.length - saved }
        })
      )
      .handle("remove", ({ path }) =>
        Effect.gen(function* () {
          const { id } = yield* Admin.only
          const isRemoved = isIdentity(path.id) && (yield* orProblem(repo.remove(path.id, id)))
          if (!isRemoved) return yield* notFound("Corporate action")
          yield* candles.announce
          yield* Effect.annotateLogs(Effect.logInfo("corporate action deleted"), { audit: "corporate_actions", by: id, action: path.id })
          return { message: "Corporate action deleted" }
        })
      )
  })
)
