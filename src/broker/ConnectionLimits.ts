import { Config } from "effect"
import * as ConnectionPool from "../domain/accounts/ConnectionPool.ts"

/** How many instruments one connection of an account may carry, and how many connections carry market data. */
export const connectionLimits = Config.integer("KITE_CONNECTION_INSTRUMENTS").pipe(
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
