import { Effect } from "effect"
import { ChainView } from "./ChainView.ts"
import { StrategyView } from "./StrategyView.ts"
import { TickerView } from "./TickerView.ts"
import { WriterView } from "./WriterView.ts"

/** How far the gateway has read a stream. `seq` is undefined until it has read what was there when it began. */
export interface Reached {
  readonly epoch: number
  readonly seq: number | undefined
}

/** What the gateway knows of the streams. The bridge and its feeds alone write here. */
export class Views extends Effect.Service<Views>()("gateway/views/Views", {
  sync: () => ({
    chains: new ChainView(),
    strategies: new StrategyView(),
    tickers: new TickerView(),
    writers: new WriterView(),
    /** When the streams MD_FRAMES, OPT and STRAT were made, UNIX ms: their sequences mean nothing without it. */
    epochs: { frames: 0, chains: 0, strategies: 0 },
    /** The newest sequence of MD_FRAMES and OPT that clients have been told; undefined while a start is still reading. */
    told: { frames: undefined as number | undefined, chains: undefined as number | undefined },
    /** When something last came from the market or out of an actor, ms of the process's steady clock. */
    news: { atMs: 0 }
  })
}) {
  readonly framesReached = (): Reached => ({ epoch: this.epochs.frames, seq: this.told.frames })
  readonly chainsReached = (): Reached => ({ epoch: this.epochs.chains, seq: this.told.chains })
}
