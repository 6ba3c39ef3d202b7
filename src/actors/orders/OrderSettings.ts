import { Config } from "effect"
import { milliseconds, orderAnswerMsMax } from "../../broker/BrokerSettings.ts"
import * as Breaker from "../../domain/orders/Breaker.ts"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"

export interface OrderSettings {
  readonly policy: OrderDecider.Policy
  readonly breakerLimits: Breaker.Limits
}

const { horizonMs, readEveryMs, sendDelayMaxMs } = OrderDecider.defaults

/**
 * Times of the order protocol. A horizon that is shorter than a send and its answer may take could let an order be sent twice, so it is
 * refused.
 */
export const orderSettings: Config.Config<OrderSettings> = Config.all({
  answerMsMax: orderAnswerMsMax,
  horizonMs: milliseconds("ORDER_HORIZON", horizonMs),
  readEveryMs: milliseconds("ORDER_BOOK_EVERY", readEveryMs),
  sendDelayMaxMs: milliseconds("ORDER_SEND_DELAY_MAX", sendDelayMaxMs),
  openMs: milliseconds("ORDER_BREAKER_OPEN", Breaker.defaults.openMs)
}).pipe(
  Config.validate({
    message: "ORDER_HORIZON must be longer than ORDER_SEND_DELAY_MAX and ORDER_ANSWER_TIMEOUT together",
    validation: (it) => it.horizonMs > it.sendDelayMaxMs + it.answerMsMax
  }),
  Config.map(({ openMs, ...times }) => ({
    policy: { ...OrderDecider.defaults, ...times },
    breakerLimits: { ...Breaker.defaults, openMs }
  }))
)

/** How often a live account's figures are compared with the broker's. */
export const reconcileEvery = milliseconds("ACCOUNT_RECONCILE_EVERY", 300_000)
