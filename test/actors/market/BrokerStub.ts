/** A stub of the broker, its accounts and market time, for tests of actors that use them. */
import { Effect, Either, Layer } from "effect"
import { Accounts } from "../../../src/broker/Accounts.ts"
import { Broker } from "../../../src/broker/Broker.ts"
import { RuleBook } from "../../../src/settings/RuleBook.ts"
import { MarketClock } from "../../../src/streams/MarketClock.ts"

/** Accounts of a simulator, by default one whose REST interface is `rest`, at the market time that `nowMs` gives. */
export const layer = (rest: object, nowMs: () => number, accounts: Readonly<Record<string, object>> = { a1: rest }) =>
  Layer.mergeAll(
    Layer.succeed(
      Accounts,
      Accounts.make({
        look: Effect.void,
        all: () => [],
        knows: (id) => Object.hasOwn(accounts, id),
        ids: () => Object.keys(accounts) as never,
        streaming: () => Object.keys(accounts) as never,
        byId: () => Either.right({ source: "simulator" } as never),
        problem: () => null,
        linkedSource: "simulator",
        seal: () => undefined,
        open: (_account, _field, stored) => Either.right(stored),
        isSealedNewest: () => true
      })
    ),
    Layer.succeed(
      Broker,
      Broker.make({
        session: () => undefined as never,
        isLimited: () => false,
        connectionLimits: { connectionsMax: 2, tokensMax: 1_500 },
        untilChanged: () => undefined as never,
        any: (ask) => ask(rest as never),
        rest: (account) => Either.right((accounts[account] ?? rest) as never),
        orders: () => undefined as never,
        reads: () => undefined as never,
        orderMessages: () => undefined as never,
        pool: () => undefined as never
      })
    ),
    Layer.succeed(
      MarketClock,
      MarketClock.make({
        mode: "feed",
        hasBegun: () => true,
        now: Effect.sync(nowMs),
        unsafeNow: nowMs,
        observe: () => {},
        onAdvance: () => Effect.succeed(new Set() as never)
      })
    ),
    RuleBook.Default
  )
