import { Data } from "effect"
import type { Since } from "../../contract/sockets/SocketMessages.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../shared/Metrics.ts"
import type { Connection } from "../sockets/Connection.ts"
import { gapOf } from "../sockets/Since.ts"
import type { Past } from "./TickFeed.ts"

/** The most frames of the requested underlyings that one subscription may have missed. */
export const missedMax = 20_000
/** Frames before `since` that are read only to recognise frames that their publisher sent twice. */
export const lookBackMax = 500
/** The most underlyings that one read names to the server. A read of more takes all frames. */
const filtersMax = 32

/** A client's wish to continue behind `since`. */
export interface Resumption {
  readonly connection: Connection
  readonly tokens: ReadonlySet<number>
  readonly since: Since
  /** Refuses the tokens that have named another contract since. Called before `join`. */
  readonly refused: (tokens: ReadonlySet<number>) => void
  /** Subscribes the client to live ticks and confirms it. Called once, synchronously. */
  readonly join: () => void
}

/** Why a replay ended early. The client gets a gap instead of the rest. */
export class ReplayAborted extends Data.TaggedError("ReplayAborted")<{ readonly reason: string }> {}

/** How far one client's replay has come. */
export interface ReplayPlace {
  readonly connection: Connection
  readonly tokens: ReadonlySet<number>
  readonly since: Since
  /** Subjects of the frames that hold the tokens. */
  readonly filters: ReadonlyArray<string>
  readonly past: Past
  /** Everything up to this sequence was delivered or reported as a gap. */
  seq: number
  /** Live ticks with greater sequences wait in the connection. */
  untilSeq: number
  lookBack: number
  /** Frames that may still be delivered. */
  budget: number
  sliceAtMs: number
  ticks: number
}

const filtersOf = (registry: InstrumentRegistry, tokens: ReadonlySet<number>): ReadonlyArray<string> => {
  const filters = new Set<string>()
  for (const token of tokens) {
    const instrument = registry.byToken(token)
    const underlying = instrument === undefined ? null : Instrument.underlyingOf(instrument)
    if (underlying === null) return [Subjects.Frame.filter()]
    filters.add(Subjects.Frame.at({ exchange: underlying.exchange, underlying: underlying.name }))
  }
  return filters.size > filtersMax ? [Subjects.Frame.filter()] : [...filters]
}

/** Subscribes the client and holds its live ticks back until the replay has caught up with them. */
export const begin = (
  { connection, tokens, since, join }: Resumption,
  { registry, past, liveSeq }: { readonly registry: InstrumentRegistry; readonly past: Past; readonly liveSeq: number }
): ReplayPlace => {
  join()
  connection.hold()
  connection.flush(performance.now())
  return {
    connection,
    tokens,
    since,
    filters: filtersOf(registry, tokens),
    past,
    seq: since.row === undefined ? since.seq : Math.max(0, since.seq - 1),
    untilSeq: liveSeq,
    lookBack: lookBackMax,
    budget: missedMax,
    sliceAtMs: performance.now(),
    ticks: 0
  }
}

/** Reports that the sequences `from` to `to` of MD_FRAMES do not reach this client. */
export const reportGap = (connection: Connection, epoch: number, from: number, to: number): void => {
  Metrics.wsGaps.unsafeUpdate(1, [])
  connection.replayed(`gap ${from}`, JSON.stringify(gapOf(epoch, from, to)))
}
