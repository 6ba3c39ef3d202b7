import { Effect, Either } from "effect"
import { Chains } from "../chains/Chains.ts"
import { Hub } from "../sockets/Hub.ts"
import { Views } from "../views/Views.ts"
import { Monitor } from "./Monitor.ts"

/** The monitor's view of an underlying as frames of /nifty-monitor/stream; each frame is the whole view. */
export class MonitorFeed extends Effect.Service<MonitorFeed>()("gateway/monitor/MonitorFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const chains = yield* Chains
    const monitor = yield* Monitor
    const { epochs } = yield* Views

    /** Without `expiry`: the expiry that is nearest at the time of sending. */
    const topic = (symbol: string, expiry: string | undefined) => `monitor ${expiry ?? "nearest"} ${symbol}`
    const textOf = (symbol: string, asked: string | undefined): string => {
      const expiry = asked ?? monitor.nearest(symbol) ?? ""
      const head = Either.getOrElse(chains.lookUp(symbol, expiry), () => chains.nothingYet(symbol, expiry))
      return JSON.stringify({
        type: "monitor",
        ...monitor.headOf({ symbol, expiry, head, strikes: chains.strikes(symbol, expiry) }),
        nearest: asked === undefined,
        epoch: epochs.chains,
        seq: Math.max(0, head.seq)
      })
    }
    const send = (symbol: string, expiry: string | undefined): void => {
      const at = topic(symbol, expiry)
      if (!hub.hasMembers(at)) return
      const text = textOf(symbol, expiry)
      hub.state(at, text, () => text)
    }
    return {
      topic,
      textOf,
      /** After a change of one chain. */
      chain: (symbol: string, expiry: string): void => {
        send(symbol, expiry)
        if (hub.hasMembers(topic(symbol, undefined)) && monitor.nearest(symbol) === expiry) send(symbol, undefined)
      },
      /** After a change of the underlying's state, which shows in the view of each of its expiries. */
      underlying: (symbol: string, expiries: ReadonlyArray<{ readonly expiry: string }>): void => {
        for (const { expiry } of expiries) send(symbol, expiry)
        send(symbol, undefined)
      }
    } as const
  })
}) {}
