import { createHash, timingSafeEqual } from "node:crypto"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Either, Redacted, Schema } from "effect"
import { Accounts } from "../../broker/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import type { Postback } from "../../contract/accounts/PostbackApi.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Figures from "../../domain/accounts/Figures.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { PortfolioRepo } from "../../store/accounts/PortfolioRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Metrics from "../shared/Metrics.ts"
import { orProblem } from "../shared/StoreProblem.ts"

const decodeOrder = Schema.decodeUnknownEither(Figures.KiteOrder)

/** SHA-256 of the order's id, its time as it was sent, and the secret (kite.trade/docs/connect/v3/postbacks). */
const isOf = (secret: string, { checksum, order_id, order_timestamp }: typeof Postback.Type): boolean => {
  const right = createHash("sha256").update(`${order_id}${order_timestamp}${secret}`).digest()
  const given = Buffer.from(checksum, "hex")
  return given.length === right.length && timingSafeEqual(given, right)
}

/** The answer does not tell an unknown user from a wrong checksum. */
const refused = new Problem.Forbidden({ detail: "Forbidden" })

export const PostbackHttp = HttpApiBuilder.group(
  Api,
  "postback",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const repo = yield* PortfolioRepo
    const marketClock = yield* MarketClock
    return handlers.handle("take", ({ payload }) =>
      Effect.gen(function* () {
        const account = accounts
          .all()
          .find(({ apiSecret, userId }) => userId === payload.user_id && isOf(Redacted.value(apiSecret), payload))
        if (account === undefined) {
          Metrics.postbacks("refused")
          return yield* refused
        }
        const order = decodeOrder(payload)
        if (Either.isLeft(order)) {
          Metrics.postbacks("unreadable")
          yield* Effect.logWarning("a postback could not be read", order.left.message)
          return yield* Problem.invalidField("order_id", "the body is not an order as Kite documents it")
        }
        const day = IndiaTime.istDate(marketClock.unsafeNow())
        yield* orProblem(repo.report(account.accountId, [order.right], "postback", day))
        Metrics.postbacks("taken")
        return { status: "taken" as const }
      })
    )
  })
)
