import { Effect, Either, Option } from "effect"
import type { SimulatedMarket } from "../../broker/SimulatedMarket.ts"
import type { MarketState } from "../../contract/service/HealthReport.ts"
import type { TickerStatus } from "../../domain/market/TickerStatus.ts"
import * as Calendars from "../../domain/rules/Calendars.ts"
import * as Day from "../../domain/rules/Day.ts"
import * as Facts from "../../domain/rules/Facts.ts"
import * as Hours from "../../domain/rules/Hours.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import { marketMode } from "../../settings/MarketMode.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Bridge } from "../bridge/Bridge.ts"
import type { Heard } from "../views/StatusView.ts"
import { Views } from "../views/Views.ts"

/** A live market without a tick for this long counts as closed. */
const marketSilenceMs = 60_000
/**
 * A recording has ended here when its last instant has come out of its underlying's actor and no actor has published anything for this long.
 * Its last values stay.
 */
const settledAfterMs = 1_500
/** A recording whose underlying is not streamed publishes nothing. It has ended when nothing was published for this long. */
const unstreamedAfterMs = 15_000

/** The phase of the equity options' session. */
export const phaseAt = (rules: RuleSet.RuleSet, ms: number) => Hours.phaseAt(rules, "NSE_FO", "option", ms)

/**
 * The state of a live market: its ticks decide. A gateway that runs for less than the silence of a closed market may not have had a tick
 * yet, so the rulebook's hours decide then too.
 */
export const ofLive = (
  rules: RuleSet.RuleSet,
  { nowMs, newestTickMs, runningForMs }: { readonly nowMs: number; readonly newestTickMs: number; readonly runningForMs: number }
): MarketState => {
  if (nowMs - newestTickMs <= marketSilenceMs) return "running"
  if (runningForMs > marketSilenceMs) return "closed"
  const trades = Either.match(phaseAt(rules, nowMs), { onLeft: () => false, onRight: (phase) => phase !== Hours.closed && phase.trades })
  return trades ? "running" : "closed"
}

/** Exchanges publish the next year's holidays in December. */
const listedAheadDays = 14

/** Says which holiday lists of the rulebook end within two weeks, or have ended. */
export const unlistedDays = (rules: RuleSet.RuleSet, ms: number): ReadonlyArray<string> => {
  const byDay = new Map<Day.Day, Array<Facts.Calendar>>()
  for (const name of Facts.Calendar.literals) {
    const day = Calendars.firstUnknown(rules.calendars, name, Day.at(ms), listedAheadDays)
    if (day !== undefined) byDay.set(day, [...(byDay.get(day) ?? []), name])
  }
  return [...byDay].map(
    ([day, names]) =>
      `no holiday list of ${names.join(", ")} covers ${Day.iso(day)}: orders of that day are refused until POST /calendar/holidays has one`
  )
}

/** Whether the market runs, from the simulator's answer or, without a simulator, from the newest tick. */
export const make = (hasSimulator: boolean) =>
  Effect.gen(function* () {
    const mode = yield* marketMode
    const market = yield* MarketClock
    const rules = yield* RuleBook
    const bridge = yield* Bridge
    const views = yield* Views
    const startedMs = performance.now()

    const stateOfSimulated = ({ state, time, underlying }: SimulatedMarket): MarketState => {
      if (state !== "ended" || !bridge.isReady()) return "running"
      const last = underlying === null ? undefined : views.chains.state(underlying)
      const isOut = last !== undefined && Date.parse(last.as_of) >= time.getTime()
      const quietMs = performance.now() - Math.max(views.news.atMs, startedMs)
      return quietMs < (isOut ? settledAfterMs : unstreamedAfterMs) ? "running" : "ended"
    }
    const stateOfMarket = (heard: ReadonlyArray<Heard<TickerStatus>>, simulated: Option.Option<SimulatedMarket>): MarketState => {
      if (mode !== "live" && hasSimulator) {
        return Option.match(simulated, { onNone: () => "closed" as const, onSome: stateOfSimulated })
      }
      const newestTickMs = Math.max(0, ...heard.map(({ status }) => (status.last_tick_at === null ? 0 : Date.parse(status.last_tick_at))))
      return ofLive(rules.current(), { nowMs: market.unsafeNow(), newestTickMs, runningForMs: performance.now() - startedMs })
    }
    return stateOfMarket
  })
