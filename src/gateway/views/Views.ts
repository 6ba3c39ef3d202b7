import { Effect } from "effect"
import type { ExecutorStatus } from "../../domain/ExecutorStatus.ts"
import { Books } from "../../domain/market/depth/Books.ts"
import type { TickerStatus } from "../../domain/market/TickerStatus.ts"
import type { WriterStatus } from "../../domain/WriterStatus.ts"
import { BreakView } from "./BreakView.ts"
import { ChainView } from "./ChainView.ts"
import { IndicatorView } from "./IndicatorView.ts"
import { MovementView } from "./MovementView.ts"
import { ProcessView } from "./ProcessView.ts"
import { ServerClock } from "./ServerClock.ts"
import { StatusView } from "./StatusView.ts"
import { StoreFaultView } from "./StoreFaultView.ts"
import { StrategyView } from "./StrategyView.ts"

/** An account streams at most 9,000 instruments, so these are the books of more than ten accounts. */
const booksMax = 100_000
/** The accounts file has at most a few hundred accounts. */
const accountsMax = 1_000
/** More than the writers of the program. Without a limit, messages with foreign names of writers could fill the memory. */
const writersMax = 20

/** How far the gateway has read a stream. `seq` is undefined until it has read the messages that existed at its start. */
export interface Reached {
  readonly epoch: number
  readonly seq: number | undefined
}

/** What the gateway knows from the streams. Only the bridge and its feeds write here. */
export class Views extends Effect.Service<Views>()("gateway/views/Views", {
  sync: () => ({
    books: new Books(booksMax),
    chains: new ChainView(),
    strategies: new StrategyView(),
    tickers: new StatusView<TickerStatus>(({ account_id }) => account_id, accountsMax),
    writers: new StatusView<WriterStatus>(({ name }) => name, writersMax),
    /** Each account's executor of orders. */
    executors: new StatusView<ExecutorStatus>(({ account_id }) => account_id, accountsMax),
    processes: new ProcessView(),
    breaks: new BreakView(),
    storeFaults: new StoreFaultView(),
    indicators: new IndicatorView(),
    movement: new MovementView(),
    /** The clock that the reports of tickers, writers, executors and processes are stamped with. */
    serverClock: new ServerClock(),
    /** Creation times of the streams MD_FRAMES, OPT, STRAT and IND, UNIX ms. Sequences are valid only together with them. */
    epochs: { frames: 0, chains: 0, strategies: 0, indicators: 0 },
    /** The newest sequences of MD_FRAMES and OPT that were sent to clients; undefined while the first read is running. */
    sentUpTo: { frames: undefined as number | undefined, chains: undefined as number | undefined },
    /** When the last message came from the market or from an actor, in ms of the process's monotonic clock. */
    news: { atMs: 0 }
  })
}) {
  readonly framesReached = (): Reached => ({ epoch: this.epochs.frames, seq: this.sentUpTo.frames })
  readonly chainsReached = (): Reached => ({ epoch: this.epochs.chains, seq: this.sentUpTo.chains })
}
