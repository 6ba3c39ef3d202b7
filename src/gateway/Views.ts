import { Effect } from "effect"
import { ChainView } from "./ChainView.ts"
import { StrategyView } from "./StrategyView.ts"
import { TickerView } from "./TickerView.ts"

/** What the gateway knows of the streams. The bridge alone writes here. */
export class Views extends Effect.Service<Views>()("gateway/Views", {
  sync: () => ({
    chains: new ChainView(),
    strategies: new StrategyView(),
    tickers: new TickerView(),
    /** When the streams MD_FRAMES, OPT and STRAT were made, UNIX ms: their sequences mean nothing without it. */
    epochs: { frames: 0, chains: 0, strategies: 0 }
  })
}) {}
