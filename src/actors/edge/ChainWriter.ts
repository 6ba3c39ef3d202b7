import { Effect, Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import type * as ChainMessage from "../../domain/options/ChainMessage.ts"
import { ChainMinuteRepo } from "../../store/chains/ChainMinuteRepo.ts"
import type { NewChain, NewStrike } from "../../store/chains/ChainMinuteRows.ts"
import type { Delivered } from "../../streams/DurableRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as RowWriter from "./RowWriter.ts"

export const kind = "chain-writer"

/** A chain has a few hundred options, so a batch is some ten thousand rows. */
const batchMax = 50

const none = null
const isCount = (value: number | null): boolean => value === null || Number.isSafeInteger(value)

/** The option in one row of the columns. Throws when the rulebook does not know the segment of its token. */
const strikeOf = ({ exchange, columns }: ChainMessage.ChainMinute, row: number): NewStrike => {
  const instrumentToken = columns.instrument_token[row] ?? Number.NaN
  return {
    exchange: Instrument.exchangeOf(instrumentToken, exchange),
    tradingsymbol: columns.tradingsymbol[row] ?? "",
    strike: columns.strike[row] ?? Number.NaN,
    side: columns.side[row] ?? "CE",
    instrumentToken,
    lastPrice: columns.last_price[row] ?? none,
    bid: columns.bid[row] ?? none,
    ask: columns.ask[row] ?? none,
    volume: columns.volume[row] ?? none,
    oi: columns.oi[row] ?? none,
    oiChange: columns.oi_change[row] ?? none,
    iv: columns.iv[row] ?? none,
    delta: columns.delta[row] ?? none,
    gamma: columns.gamma[row] ?? none,
    theta: columns.theta[row] ?? none,
    vega: columns.vega[row] ?? none,
    rho: columns.rho[row] ?? none,
    quality: columns.quality[row] ?? "no_price"
  }
}

/** Why the columns of the tables cannot hold a chain; undefined when they can. */
const refusal = (chain: NewChain, { columns }: ChainMessage.ChainMinute): string | undefined => {
  const length = columns.strike.length
  if (Object.values(columns).some((column) => column !== undefined && column.length !== length)) return "its columns have different lengths"
  if (Number.isNaN(chain.at.getTime()) || Number.isNaN(chain.asOf.getTime())) return "it has no time"
  if (!IndiaTime.isIsoDate(chain.expiry)) return `its expiry is no day: ${chain.expiry}`
  if (!isCount(chain.callOi) || !isCount(chain.putOi)) return "an open interest is not a safe integer"
  const bad = chain.strikes.find(
    ({ tradingsymbol, volume, oi, oiChange }) => tradingsymbol === "" || ![volume, oi, oiChange].every(isCount)
  )
  return bad === undefined ? undefined : `a row has no tradingsymbol, or a count that is not a safe integer: ${bad.strike} ${bad.side}`
}

const chainOf = (message: ChainMessage.ChainMinute): NewChain => ({
  exchange: message.exchange,
  underlying: message.underlying,
  expiry: message.expiry,
  at: new Date(message.minute),
  asOf: new Date(message.as_of),
  spot: message.spot,
  forward: message.forward,
  forwardSource: message.forward_source,
  atmStrike: message.atm_strike,
  atmIv: message.atm_iv,
  maxPain: message.max_pain,
  pcrOi: message.pcr_oi,
  pcrVolume: message.pcr_volume,
  callOi: message.call_oi,
  putOi: message.put_oi,
  convention: message.convention,
  strikes: message.columns.strike.map((_, row) => strikeOf(message, row))
})

/** One message that cannot be read must not stop the writer, so an exception about its token becomes the reason for refusing it. */
const rowsOf = ({ subject, data }: Delivered): Either.Either<ReadonlyArray<NewChain>, string> =>
  Either.flatMap(Subjects.ChainMinute.read(subject, data), (message) =>
    Either.flatMap(Either.try({ try: () => chainOf(message), catch: String }), (chain) => {
      const reason = refusal(chain, message)
      return reason === undefined ? Either.right([chain]) : Either.left(reason)
    })
  )

/** Writes each chain to Postgres once a minute of trading, with a row for each option. */
export const make = Effect.flatMap(ChainMinuteRepo, ({ save }) =>
  RowWriter.make({
    name: kind,
    stream: Subjects.ChainMinute.stream,
    filter: Subjects.ChainMinute.filter(),
    batchMax,
    rowsOf,
    save,
    saved: (count) => Metrics.candlesSaved("chains", count)
  })
)
