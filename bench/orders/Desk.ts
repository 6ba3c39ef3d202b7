/** A separate process: the broker that gets the orders. Its prices do not move, so orders below the market rest. */
import { Effect, Exit, Logger, LogLevel, Scope } from "effect"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as QuoteRoutes from "../../src/simulator/QuoteRoutes.ts"
import type * as Sessions from "../../src/simulator/Sessions.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import * as Child from "../pipeline/Child.ts"

export interface Spec {
  readonly accounts: ReadonlyArray<Sessions.Account>
  /** Spot prices in rupees by name. */
  readonly basePrices: Readonly<Record<string, number>>
}

export interface Where {
  readonly url: string
  readonly wsUrl: string
  readonly adminUrl: string
}

/** A contract that both markets list, and the lowest price that an order for it may have. */
export interface Contract {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly lotSize: number
  /** Paise. */
  readonly tickSize: number
  readonly lowest: number
}

const { accounts, basePrices } = Child.specOf<Spec>()
const scope = Effect.runSync(Scope.make())
const market = { mode: "synthetic", rate: 0, basePrices } as const
const running = Effect.runPromise(
  Simulator.make({ accounts, market, adminPort: 0 }).pipe(Scope.extend(scope), Logger.withMinimumLogLevel(LogLevel.Warning))
)

Child.serve(
  {
    ready: async () => void (await running),
    where: async (): Promise<Where> => {
      const { adminUrl, url, wsUrl } = await running
      return { url, wsUrl, adminUrl: adminUrl ?? "" }
    },
    /** The first of these symbols that this market lists. */
    contract: async (symbols: ReadonlyArray<string>): Promise<Contract | undefined> => {
      const { market } = await running
      const bySymbol = new Map(market.instruments.map((one) => [Instrument.symbolKey(one.exchange, one.tradingsymbol), one]))
      const [found] = symbols.flatMap((symbol) => bySymbol.get(symbol) ?? [])
      const row = found === undefined ? undefined : market.rowByToken.get(found.token)
      if (found === undefined || row === undefined) return undefined
      const { exchange, lotSize, tickSize, tradingsymbol } = found
      const [lowest] = QuoteRoutes.circuitLimits(Frame.rowOf(market.columns, row), tickSize)
      return { exchange, tradingsymbol, lotSize, tickSize, lowest }
    }
  },
  () => Effect.runPromise(Scope.close(scope, Exit.void))
)
