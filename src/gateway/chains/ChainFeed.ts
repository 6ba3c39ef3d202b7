import { Effect, Either } from "effect"
import type { StrikeRow } from "../../contract/chains/ChainsApi.ts"
import { Hub } from "../sockets/Hub.ts"
import type { Change } from "../views/ChainView.ts"
import { Views } from "../views/Views.ts"
import { Chains, type Head } from "./Chains.ts"

/** Chains as frames of /fo/stream. A frame holds complete rows of all or of the changed strikes; a client replaces those rows. */
export class ChainFeed extends Effect.Service<ChainFeed>()("gateway/chains/ChainFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const chains = yield* Chains
    const { chains: view, epochs } = yield* Views

    const textOf = (symbol: string, expiry: string, kind: "chain" | "delta", at: Head, strikes: ReadonlyArray<StrikeRow>) =>
      JSON.stringify({
        type: "update",
        symbol,
        expiry,
        kind,
        epoch: epochs.chains,
        seq: at.seq,
        as_of: at.as_of,
        valued_at: at.valued_at,
        spot: at.spot,
        spot_change: at.spot_change,
        forward: at.forward,
        atm_strike: at.atm_strike,
        atm_iv: at.atm_iv,
        max_pain: at.max_pain,
        pcr: at.pcr_oi,
        totals: { call_oi: at.call_oi, put_oi: at.put_oi, pcr_volume: at.pcr_volume },
        oi_coverage: at.oi_coverage,
        oi_change_from: at.oi_change_from,
        strikes
      })
    const topic = (symbol: string, expiry: string) => `fo ${expiry} ${symbol}`

    /** The whole chain at the time of sending, encoded once for all its receivers. */
    const whole = (symbol: string, expiry: string) => {
      let text: string | undefined
      return (): string => {
        if (text !== undefined) return text
        const head = Either.getOrElse(chains.lookUp(symbol, expiry), () => chains.nothingYet(symbol, expiry))
        text = textOf(symbol, expiry, "chain", head, chains.strikes(symbol, expiry))
        return text
      }
    }
    return {
      topic,
      whole,
      /** The newest delta included in the published chain; -1 before anything was published. */
      seqOf: (symbol: string, expiry: string): number => view.find(symbol, expiry)?.head.seq ?? -1,
      publish: ({ chain, strikes }: Change): void => {
        const { underlying, expiry } = chain
        const at = topic(underlying, expiry)
        if (!hub.hasMembers(at)) return
        const everything = whole(underlying, expiry)
        const head = Either.getOrElse(chains.lookUp(underlying, expiry), () => chains.nothingYet(underlying, expiry))
        const changed = strikes === "all" ? everything() : textOf(underlying, expiry, "delta", head, chains.strikesOf(chain, strikes))
        hub.state(at, changed, everything)
      }
    } as const
  })
}) {}
