/** The random walk of a synthetic market's spot prices, and the minute candles of the walk so far. */
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { Random } from "../Random.ts"
import * as SyntheticBook from "./SyntheticBook.ts"
import * as SyntheticSettings from "./SyntheticSettings.ts"

/** Spot prices of one minute by product, paise. */
export interface SpotMinute {
  readonly atMs: number
  readonly open: Float64Array
  readonly high: Float64Array
  readonly low: Float64Array
  readonly close: Float64Array
}

const spotStepMs = 100
/**
 * A year has 250 sessions of 6.25 hours. So one hour of trading moves a price by this factor more than one hour of a market that never
 * closes.
 */
const sessionFactor = Math.sqrt((365 * 24) / (250 * 6.25))
/** The part of every underlying's movement that all underlyings share. */
const commonShare = 0.8
const reversionPerStep = 0.00001
/** The market keeps the minutes of one week. */
const minutesMax = 7 * 1440

const addTo = (minutes: Array<SpotMinute>, spot: Float64Array, atMs: number): void => {
  const minuteMs = IndiaTime.minuteFloor(atMs)
  const last = minutes.at(-1)
  if (last?.atMs !== minuteMs) {
    const copy = () => Float64Array.from(spot)
    minutes.push({ atMs: minuteMs, open: copy(), high: copy(), low: copy(), close: copy() })
    if (minutes.length > minutesMax) minutes.shift()
    return
  }
  for (const [product, price] of spot.entries()) {
    if (price > (last.high[product] ?? 0)) last.high[product] = price
    if (price < (last.low[product] ?? 0)) last.low[product] = price
    last.close[product] = price
  }
}

/** Moves a book's spot prices in steps of 100 ms. Its random numbers are separate, so the path does not depend on the tick rate. */
export class SpotPath {
  readonly #book: SyntheticBook.Book
  readonly #base: Float64Array
  readonly #variation: number
  readonly #random: Random
  readonly #minutes: Array<SpotMinute> = []
  #atMs: number

  constructor(settings: SyntheticSettings.Settings, book: SyntheticBook.Book) {
    this.#book = book
    this.#base = Float64Array.from(book.spot)
    this.#variation = settings.variation
    this.#random = new Random(settings.seed)
    this.#atMs = settings.startMs
    addTo(this.#minutes, book.spot, settings.startMs)
    SyntheticBook.refreshSlots(book, settings.startMs)
  }

  /** In the order of time; the last minute may still change. */
  get minutes(): ReadonlyArray<SpotMinute> {
    return this.#minutes
  }

  moveTo(atMs: number): void {
    if (this.#atMs + spotStepMs > atMs) return
    while (this.#atMs + spotStepMs <= atMs) {
      this.#atMs += spotStepMs
      this.#step()
      addTo(this.#minutes, this.#book.spot, this.#atMs)
    }
    SyntheticBook.refreshSlots(this.#book, this.#atMs)
  }

  /** Adds shared and separate noise to every spot price, pulls it towards its base, and keeps it within the variation. */
  #step(): void {
    const { spot } = this.#book
    const common = this.#random.normal()
    for (const [index, product] of SyntheticSettings.products.entries()) {
      const from = this.#base[index] ?? 0
      const deviation = product.volatility * sessionFactor * Math.sqrt(spotStepMs / IndiaTime.yearMs)
      const noise = commonShare * common + Math.sqrt(1 - commonShare * commonShare) * this.#random.normal()
      const off = ((spot[index] ?? from) / from - 1) * (1 - reversionPerStep) + deviation * noise
      spot[index] = from * (1 + Math.max(-this.#variation, Math.min(this.#variation, off)))
    }
  }
}
