/** kiteconnect's parser against ours, on the same messages. */
import { KiteTicker } from "kiteconnect"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as Race from "../Race.ts"

const packets = 100

const message = (kind: Frame.Kind): Uint8Array<ArrayBuffer> => {
  const columns = Frame.makeColumns(1)
  const writer = new Frame.Writer()
  for (let at = 0; at < packets; at++) {
    columns.token[0] = (50_000 + at) * 256 + 2
    columns.kind[0] = kind
    for (const name of ["lastPrice", "lastQuantity", "averagePrice", "volume", "open", "high", "low", "close", "oi"] as const)
      columns[name][0] = 10_000 + 7 * at
    columns.lastTradeTime[0] = 1_790_000_000
    columns.exchangeTime[0] = 1_790_000_000
    for (let level = 0; level < Frame.depthLevels; level++) {
      columns.bidPrice[level] = 9_995 - 5 * level
      columns.askPrice[level] = 10_005 + 5 * level
      columns.bidQuantity[level] = 75
      columns.askQuantity[level] = 150
    }
    writer.append(columns, 0)
  }
  return writer.finish()
}

interface Parser {
  readonly parseBinary: (bytes: ArrayBuffer) => ReadonlyArray<{ readonly last_price: number }>
}

export const measure = (): ReadonlyArray<Race.Measured> => {
  const peer = new KiteTicker({ api_key: "bench", access_token: "bench" }) as unknown as Parser
  const columns = Frame.makeColumns()
  return (["full", "quote", "ltp"] as const).map((mode) => {
    const bytes = message(Frame.Kind[mode])
    const theirs = peer.parseBinary(bytes.buffer)
    Frame.decode(bytes, columns)
    // Both must read the same before their speeds are compared.
    const same = theirs.length === packets && theirs.every(({ last_price }, row) => last_price * 100 === columns.lastPrice[row])
    if (!same) throw new Error(`kiteconnect and Frame.decode do not agree on ${mode} packets`)
    return Race.race(
      `decode ${mode} packets, ${packets} a message`,
      "packets",
      {
        units: packets,
        run: () => {
          Frame.decode(bytes, columns)
          return columns.lastPrice[7] ?? 0
        }
      },
      { name: "kiteconnect 5.3.0 KiteTicker.parseBinary", units: packets, run: () => peer.parseBinary(bytes.buffer).length }
    )
  })
}
