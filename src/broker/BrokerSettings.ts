import { Config, Duration } from "effect"
import * as ConnectionPool from "../domain/accounts/ConnectionPool.ts"
import * as OrderDecider from "../domain/orders/OrderDecider.ts"
import * as KiteClient from "./KiteClient.ts"
import * as KitePool from "./KitePool.ts"
import * as KiteSocket from "./KiteSocket.ts"

/** A setting that is a duration such as "30 seconds", in ms. */
export const milliseconds = (name: string, fallbackMs: number): Config.Config<number> =>
  Config.duration(name).pipe(Config.withDefault(Duration.millis(fallbackMs)), Config.map(Duration.toMillis))

/** How long the broker's answer to an order is awaited. */
export const orderAnswerMsMax = milliseconds("ORDER_ANSWER_TIMEOUT", OrderDecider.defaults.answerMsMax)

/** How many instruments one connection of an account may carry, and how many connections carry market data. */
const connectionLimits = Config.integer("KITE_CONNECTION_INSTRUMENTS").pipe(
  Config.validate({
    message: `must be 1 to ${ConnectionPool.brokerTokensMax}: Kite takes no more on one connection`,
    validation: (value) => value >= 1 && value <= ConnectionPool.brokerTokensMax
  }),
  // After the check: behind a default its error no longer names the setting.
  Config.withDefault(ConnectionPool.defaultTokensMax),
  Config.map((tokensMax) => ({ connectionsMax: ConnectionPool.marketConnectionsMax, tokensMax }))
)

/** How many instruments all connections of one account carry together. */
export const instrumentsPerAccount = Config.map(connectionLimits, ({ connectionsMax, tokensMax }) => connectionsMax * tokensMax)

export const brokerSettings = Config.all({
  requestTimeoutMs: milliseconds("KITE_REQUEST_TIMEOUT", KiteClient.defaults.requestTimeoutMs),
  orderTimeoutMs: orderAnswerMsMax,
  backoffMaxMs: milliseconds("KITE_RECONNECT_MAX", KiteSocket.defaults.backoffMaxMs),
  livenessMs: milliseconds("KITE_LIVENESS", KiteSocket.defaults.livenessMs),
  checkEveryMs: milliseconds("KITE_CHECK_EVERY", KitePool.defaults.checkEveryMs),
  limits: connectionLimits
})
