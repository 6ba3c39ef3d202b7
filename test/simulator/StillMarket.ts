import { Effect } from "effect"
import * as Frame from "../../src/domain/market/Frame.ts"
import type * as Instrument from "../../src/domain/market/Instrument.ts"
import type { Market } from "../../src/simulator/Market.ts"

/** A market of some instruments whose prices and time the test decides. */
export const stillMarket = (mode: Market["mode"], instruments: ReadonlyArray<Instrument.Instrument>, timeMs: () => number): Market => ({
  mode,
  underlying: null,
  instruments,
  columns: Frame.makeColumns(instruments.length),
  rowByToken: new Map(instruments.map(({ token }, row) => [token, row])),
  status: () => ({ timeMs: timeMs(), speed: 1, state: "running" }),
  minutes: () => [],
  run: () => Effect.never
})
