import { Either, Schema } from "effect"
import * as Money from "../domain/Money.ts"
import * as MaxPain from "../domain/options/MaxPain.ts"
import * as OpenInterest from "../domain/options/OpenInterest.ts"
import * as Document from "./Document.ts"

/** Open interest or volume in units; null if a side is not listed. */
const Count = Schema.optional(Schema.NullOr(Schema.NonNegativeInt))

const Chain = Schema.Struct({
  chain: Schema.Array(
    Schema.Struct({
      strike: Schema.Number.pipe(Schema.positive(), Schema.finite()),
      ceOi: Count,
      peOi: Count,
      ceVolume: Count,
      peVolume: Count
    })
  )
})
type Listing = (typeof Chain.Type)["chain"]

/** Decimal places of a printed put-call ratio. */
const ratioPlaces = 15

const column = (chain: Listing, name: keyof Listing[number]): Float64Array => Float64Array.from(chain, (row) => row[name] ?? Number.NaN)

const divisor = (a: bigint, b: bigint): bigint => (b === 0n ? a : divisor(b, a % b))

/** puts / calls as decimal text and as the reduced fraction; both are null without calls. */
const ratio = (calls: number, puts: number): readonly [decimal: string | null, exact: string | null] => {
  if (OpenInterest.putCallRatio(calls, puts).value === null) return [null, null]
  const [numerator, denominator] = [BigInt(puts), BigInt(calls)]
  const common = divisor(numerator, denominator)
  return [new Money.Decimal(puts).div(calls).toFixed(ratioPlaces), `${numerator / common}/${denominator / common}`]
}

/** Max pain and put-call ratios of one chain, with the field names of the golden file. */
const results = (chain: Listing) => {
  const [strike, ceOi, peOi, ceVolume, peVolume] = (["strike", "ceOi", "peOi", "ceVolume", "peVolume"] as const).map((name) =>
    column(chain, name)
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]
  const pain = MaxPain.analyse(chain.length, strike, ceOi, peOi)
  const totals = OpenInterest.summarise(chain.length, ceOi, peOi, ceVolume, peVolume)
  const [pcrOi, pcrOiExact] = ratio(totals.callOi, totals.putOi)
  const [pcrVolume, pcrVolumeExact] = ratio(totals.callVolume, totals.putVolume)
  return {
    totalPain: pain.totalPain,
    minPain: pain.minPain,
    maxPainStrikes: pain.maxPainStrikes,
    maxPain: pain.maxPain,
    degenerate: pain.degenerate,
    ceOiTotal: totals.callOi,
    peOiTotal: totals.putOi,
    ceVolumeTotal: totals.callVolume,
    peVolumeTotal: totals.putVolume,
    pcrOi,
    pcrOiExact,
    pcrVolume,
    pcrVolumeExact
  }
}

const empty = {
  totalPain: null,
  minPain: null,
  maxPainStrikes: null,
  maxPain: null,
  degenerate: null,
  ceOiTotal: null,
  peOiTotal: null,
  ceVolumeTotal: null,
  peVolumeTotal: null,
  pcrOi: null,
  pcrOiExact: null,
  pcrVolume: null,
  pcrVolumeExact: null
} satisfies Record<keyof ReturnType<typeof results>, null>

const totalsOf = (chain: Listing): ReadonlyArray<number> =>
  (["ceOi", "peOi", "ceVolume", "peVolume"] as const).map((name) => OpenInterest.total(column(chain, name), chain.length))

const decode = Document.decoder(Chain)

/** Reads chains `{chain: [{strike, ceOi, peOi, ceVolume, peVolume}]}` from `chains`, and adds the results of each to its row. */
export const calculation: Document.Calculation = Document.overRows(
  "chains",
  (row) =>
    Either.flatMap(decode(row), ({ chain }) =>
      totalsOf(chain).every(Number.isSafeInteger)
        ? Either.right(results(chain))
        : Either.left({ path: "chain", reason: "the totals exceed 2^53 and would not be exact" })
    ),
  empty
)
