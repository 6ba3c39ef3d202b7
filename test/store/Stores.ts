import { createConnection, createServer, type Socket } from "node:net"
import { PgClient } from "@effect/sql-pg"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { BarRepo } from "../../src/store/BarRepo.ts"
import { CalendarRepo } from "../../src/store/CalendarRepo.ts"
import { CandleRepo } from "../../src/store/CandleRepo.ts"
import { CorporateActionRepo } from "../../src/store/CorporateActionRepo.ts"
import { ChainMinuteRepo } from "../../src/store/chains/ChainMinuteRepo.ts"
import { FillRepo } from "../../src/store/FillRepo.ts"
import { IndicatorSubscriptionRepo } from "../../src/store/IndicatorSubscriptionRepo.ts"
import { InstrumentRegistry } from "../../src/store/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../src/store/InstrumentRepo.ts"
import { Migrated } from "../../src/store/Migrations.ts"
import { OrderAccounts } from "../../src/store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../src/store/orders/OrderRepo.ts"
import { Outbox } from "../../src/store/orders/Outbox.ts"
import { PaperRepo } from "../../src/store/orders/PaperRepo.ts"
import { PostgresLive } from "../../src/store/Postgres.ts"
import { SettlementRepo } from "../../src/store/SettlementRepo.ts"
import { StrategyRepo } from "../../src/store/StrategyRepo.ts"
import { SubscriptionRepo } from "../../src/store/SubscriptionRepo.ts"
import { WindowRepo } from "../../src/store/WindowRepo.ts"
import { freshDatabase } from "../TestBackends.ts"

export const config = (values: Record<string, string>) => Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

/** The product's own pool for the database at `url`. */
export const pool = (url: string, settings: Record<string, string> = {}) =>
  PostgresLive.pipe(Layer.provide(config({ DATABASE_URL: url, ...settings })))

const repositories = Layer.mergeAll(
  InstrumentRegistry.Default.pipe(Layer.provideMerge(InstrumentRepo.Default)),
  SubscriptionRepo.Default,
  StrategyRepo.Default,
  CandleRepo.Default,
  BarRepo.Default,
  ChainMinuteRepo.Default,
  FillRepo.Default,
  WindowRepo.Default,
  SettlementRepo.Default,
  CalendarRepo.Default,
  CorporateActionRepo.Default,
  OrderRepo.Default,
  OrderAccounts.Default,
  Outbox.Default,
  PaperRepo.Default,
  IndicatorSubscriptionRepo.Default
)

/** Pool, migrations and repositories, composed as in main.ts: one start of the program with the database at `url`. */
export const started = (url: string, settings: Record<string, string> = {}) =>
  repositories.pipe(Layer.provideMerge(Migrated), Layer.provideMerge(pool(url, settings)))

/** The same with a new, empty database. */
export const fresh = (settings: Record<string, string> = {}) =>
  Layer.unwrapScoped(Effect.map(freshDatabase, (url) => started(url, settings)))

/** A second connection to a database, beside the product's pool. */
export const observer = (url: string) => PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })

/** A port in front of a server, through which a test can take the server away, mute it and bring it back. */
export const proxy = (target: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { hostname, port } = new URL(target)
      const sockets = new Set<Socket>()
      let frozen = false
      const server = createServer((near) => {
        const far = createConnection({ host: hostname, port: Number(port) })
        for (const [from, to] of [
          [near, far],
          [far, near]
        ] as const) {
          sockets.add(from)
          from.on("data", (bytes) => to.write(bytes))
          from.on("error", () => to.destroy())
          from.on("close", () => {
            sockets.delete(from)
            to.destroy()
          })
          if (frozen) from.pause()
        }
      })
      const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve))
      const drop = () => {
        for (const socket of sockets) socket.destroy()
      }
      await listen(0)
      const address = server.address()
      const own = typeof address === "object" && address !== null ? address.port : 0
      const url = new URL(target)
      url.hostname = "127.0.0.1"
      url.port = String(own)
      return {
        url: url.href,
        /** Stops listening and cuts every connection. */
        stop: () =>
          new Promise<void>((resolve) => {
            server.close(() => resolve())
            drop()
          }),
        start: () => listen(own),
        /** Keeps the connections open, but passes nothing on. */
        freeze: () => {
          frozen = true
          for (const socket of sockets) socket.pause()
        },
        thaw: () => {
          frozen = false
          for (const socket of sockets) socket.resume()
        },
        dispose: () => {
          server.close()
          drop()
        }
      }
    }),
    (it) => Effect.sync(it.dispose)
  )
