import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as TickerSession from "../../../src/actors/market/TickerSession.ts"
import * as KitePool from "../../../src/broker/KitePool.ts"
import * as ConnectionPool from "../../../src/domain/accounts/ConnectionPool.ts"
import * as Frame from "../../../src/domain/market/Frame.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as Simulator from "../../../src/simulator/Simulator.ts"
import { eventually } from "../../broker/KiteServer.ts"
import { first, login } from "../../simulator/SimulatorWorld.ts"
import { heldLease } from "../HeldLease.ts"

const account = "a"
/** How far the clock moves while both underlyings tick. It is shorter than a pause that would interrupt a steady stream. */
const stepMs = 5_000

describe("An underlying that stops on a connection whose other instruments tick", () => {
  it.scopedLive(
    "TC-WSP-030 BE-REC-02 is found after a minute, streams again on a new connection, and its record is interrupted from its own last packet on",
    () =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.make({
          accounts: [first],
          market: { mode: "synthetic", rate: 50, seed: 7, strikesEachSide: 1 },
          adminPort: 0
        })
        const { accessToken } = yield* login(simulator.url)
        const of = (underlying: string) =>
          simulator.market.instruments.filter(({ name, segment }) => name === underlying && segment !== "INDICES").map(({ token }) => token)
        const [nifty, bankNifty] = [of("NIFTY"), of("BANKNIFTY")]
        assert.isNotEmpty(nifty)
        assert.isNotEmpty(bankNifty)

        const began = Date.now()
        let offsetMs = 0
        const clock = yield* Effect.clock
        const nowMs = () => clock.unsafeCurrentTimeMillis() + offsetMs
        const market = { mode: "real", observe: () => {}, unsafeNow: nowMs } as const
        const counts = new Map<number, number>()
        const interrupted: Array<{ readonly fromMs: number; readonly toMs: number | null; readonly of: string }> = []
        const publisher = {
          ...{ flush: () => {}, clock: () => {}, keyframes: () => {}, drain: Effect.succeed(0), restore: () => {}, forget: () => {} },
          ...{ lost: () => {} },
          append: (_: string, bytes: Uint8Array, offset: number) => {
            const token = Frame.tokenAt(bytes, offset)
            counts.set(token, (counts.get(token) ?? 0) + 1)
          },
          interrupt: ({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number | null }, subjects?: ReadonlySet<string>) => {
            for (const one of subjects ?? []) interrupted.push({ fromMs, toMs, of: one })
          },
          stats: () => ({ frames: 0, packets: 0, resent: 0, dropped: 0, open: 0, pressure: "HEALTHY" as const, lagMs: 0, bufferedBytes: 0 })
        }
        const session = TickerSession.make({ account, source: "simulator", incarnation: 1, epoch: 1, lease: heldLease, failure: null })
        const instrument = (underlying: string) => (token: number) =>
          ({ instrument_token: token, mode: "full", exchange: "NSE", underlying }) as const
        const instruments = [...nifty.map(instrument("NIFTY")), ...bankNifty.map(instrument("BANKNIFTY"))]
        TickerSession.desire(session, publisher, 1, { revision: 1, instruments })
        const reasons: Array<string> = []
        const url = Redacted.make(`${simulator.wsUrl}?api_key=${first.apiKey}&access_token=${accessToken}`)
        const pool = yield* KitePool.make({
          account,
          address: Effect.succeed({ url, limited: Effect.void, refused: Effect.void, ended: Effect.never }),
          settings: { backoffBaseMs: 5, backoffMaxMs: 20, livenessMs: 600_000 },
          limits: { checkEveryMs: 5 },
          dueSinceMs: (tokens, atMs) => TickerSession.dueSinceMs(session, shipped, "real", tokens, atMs),
          steady: (connection, atMs) => TickerSession.steady(session, shipped, market, connection, atMs),
          events: {
            onFrame: TickerSession.receiver(session, market, publisher),
            onText: () => {},
            onState: (state, why, connection, tokens) => {
              if (state === "closed") {
                reasons.push(why ?? "")
                TickerSession.interrupt(session, publisher, connection, tokens, nowMs())
              }
              TickerSession.onConnection(session, connection, state, why, tokens.length > 0)
            }
          }
        }).pipe(Effect.withClock(Object.assign(Object.create(clock), { unsafeCurrentTimeMillis: nowMs })))
        yield* pool.change({ ...TickerSession.changeOf(session, new Map()), unsubscribe: [] })

        const allTick = (what: string, tokens: ReadonlyArray<number>) =>
          Effect.suspend(() => {
            counts.clear()
            return eventually(what, () => tokens.every((token) => (counts.get(token) ?? 0) > 0))
          })
        yield* allTick("both tick", [...nifty, ...bankNifty])
        while (offsetMs < 70_000) {
          offsetMs += stepMs
          yield* allTick("both tick", [...nifty, ...bankNifty])
        }
        const mute = { place: 0, kind: "mute", tokens: nifty }
        const answer = yield* Effect.promise(() =>
          fetch(`${simulator.adminUrl}/sockets/fail`, { method: "POST", body: JSON.stringify(mute) })
        )
        assert.strictEqual(answer.status, 200)
        // What the broker sent before has arrived when the others tick again.
        yield* allTick("the others tick", bankNifty)
        const lastMs = session.heard.get(1)?.get("md.frame.NSE.NIFTY")?.lastMs ?? 0
        assert.isAbove(lastMs, began)
        assert.isEmpty(reasons)
        while (nowMs() - lastMs < ConnectionPool.muteAfterMs) {
          offsetMs += stepMs
          yield* allTick("the others tick", bankNifty)
        }
        yield* eventually("the connection is replaced", () => reasons.length > 0)
        assert.match(reasons[0] ?? "", /^mute: no market data of NSE\.NIFTY for \d+ s$/)
        yield* allTick("both tick again", [...nifty, ...bankNifty])
        const breaks = interrupted.filter(({ of }) => of === "md.frame.NSE.NIFTY")
        assert.deepStrictEqual(
          breaks.map(({ fromMs, toMs }) => [fromMs, toMs === null]),
          [
            [lastMs, true],
            [lastMs, false]
          ]
        )
        assert.isAtLeast((breaks[1]?.toMs ?? 0) - lastMs, ConnectionPool.muteAfterMs)
        const other = interrupted.filter(({ of, toMs }) => of === "md.frame.NSE.BANKNIFTY" && toMs !== null)
        assert.strictEqual(other.length, 1)
        for (const { fromMs, toMs } of other)
          assert.isBelow((toMs ?? 0) - fromMs, ConnectionPool.muteAfterMs, "the others lost only the reconnect")
        assert.lengthOf(reasons, 1)
      })
  )
})
