/** A program that prints the instants that the broker layer reads from Kite's times. The test starts it in several time zones. */
import { Effect, Logger, Redacted } from "effect"
import * as KiteClient from "../../src/broker/KiteClient.ts"
import * as KiteRest from "../../src/broker/KiteRest.ts"
import { account, sessionOf } from "./KiteServer.ts"

const probe = Effect.gen(function* () {
  const session = yield* sessionOf(yield* KiteClient.make(account({ root: process.env["KITE_ROOT"] ?? "" })))
  const token = Redacted.value(yield* session.token)
  const quotes = yield* KiteRest.make(session).quote(["NSE:INFY"])
  const { instruments } = yield* KiteRest.make(session).instruments()
  return {
    offsetMinutes: new Date(0).getTimezoneOffset(),
    token: token.length,
    timestamp: quotes["NSE:INFY"]?.timestamp?.toISOString(),
    lastTradeTime: quotes["NSE:INFY"]?.last_trade_time?.toISOString(),
    expiry: instruments[0]?.expiry
  }
})

process.stdout.write(
  JSON.stringify(await Effect.runPromise(probe.pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)))))
)
