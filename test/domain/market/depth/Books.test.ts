import { assert, describe, it } from "@effect/vitest"
import * as IndiaTime from "../../../../src/domain/IndiaTime.ts"
import * as Books from "../../../../src/domain/market/depth/Books.ts"
import * as Frame from "../../../../src/domain/market/Frame.ts"
import * as FrameHeader from "../../../../src/domain/record/FrameHeader.ts"
import * as Packets from "../Packets.ts"

const [call, put] = [0x10002, 0x10102]
const startMs = Date.parse("2026-08-18T11:00:00+05:30")

/** A packet with depth, or one of another kind. */
const packet = (token: number, lastPrice: number, kind: Frame.Kind = Frame.Kind.full): Uint8Array => {
  const columns = Frame.makeColumns(1)
  Packets.setRow(columns, 0, kind, { token, lastPrice, bids: [{ price: lastPrice - 5, quantity: 75, orders: 1 }] })
  const writer = new Frame.Writer()
  writer.append(columns, 0)
  return writer.finish().slice(2 * Frame.headerBytes)
}

/** Folds a frame whose packets were received at the given times. Returns the tokens that changed. */
const fold = (books: Books.Books, seq: number, packets: ReadonlyArray<readonly [atMs: number, packet: Uint8Array]>) => {
  const runs: Array<number> = []
  for (const [atMs] of packets) FrameHeader.addRun(runs, startMs, startMs + atMs, 1)
  const header: FrameHeader.FrameHeader = {
    account: "a1",
    epoch: 1,
    incarnation: 1,
    number: 0,
    baseReceivedMs: startMs,
    source: "simulator",
    runs
  }
  const changed: Array<number> = []
  books.apply(header, Frame.frameOf(packets.map(([, body]) => body)), seq, (token) => changed.push(token))
  return changed
}
const shown = (books: Books.Books, token: number, sinceMs = 0) => {
  const book = books.find(token, sinceMs)
  return book === undefined ? undefined : [book.packet.lastPrice, book.packet.bids[0]?.price, book.receivedMs - startMs, book.seq]
}

describe("Books", () => {
  it("keeps each instrument's newest packet with depth, and says which instruments changed", () => {
    const books = new Books.Books(10)
    assert.isUndefined(shown(books, call))
    assert.deepStrictEqual(
      fold(books, 1, [
        [0, packet(call, 100)],
        [1, packet(put, 200)],
        [2, packet(call, 110)]
      ]),
      [call, put, call]
    )
    assert.deepStrictEqual(fold(books, 2, [[3, packet(put, 210, Frame.Kind.quote)]]), [])
    assert.deepStrictEqual(
      [shown(books, call), shown(books, put)],
      [
        [110, 105, 2, 1],
        [200, 195, 1, 1]
      ]
    )
  })

  it("skips a packet received before the kept one, and takes the same frame again", () => {
    const books = new Books.Books(10)
    fold(books, 5, [[10, packet(call, 100)]])
    assert.deepStrictEqual(fold(books, 6, [[9, packet(call, 90)]]), [])
    assert.deepStrictEqual(shown(books, call), [100, 95, 10, 5])
    assert.deepStrictEqual(fold(books, 7, [[10, packet(call, 100)]]), [call])
    assert.deepStrictEqual(shown(books, call), [100, 95, 10, 7])
  })

  it("takes frames of more packets than before", () => {
    const books = new Books.Books(1_000)
    const many = Array.from({ length: 200 }, (_, nth) => [nth, packet(call + 256 * nth, 100 + nth)] as const)
    assert.lengthOf(fold(books, 1, many), 200)
    assert.deepStrictEqual(shown(books, call + 256 * 199), [299, 294, 199, 1])
  })

  it("ignores instruments beyond the limit, and still updates those it keeps", () => {
    const books = new Books.Books(1)
    assert.deepStrictEqual(
      fold(books, 1, [
        [0, packet(call, 100)],
        [0, packet(put, 200)],
        [1, packet(call, 110)]
      ]),
      [call, call]
    )
    assert.deepStrictEqual([books.size, shown(books, put)], [1, undefined])
    books.clear()
    assert.deepStrictEqual([books.size, shown(books, call)], [0, undefined])
  })

  it("finds no contract's packet from before the day, because its token may have named another contract", () => {
    const day = "2026-08-18"
    const midnightMs = IndiaTime.istMidnightMs(day)
    assert.strictEqual(Books.sinceMs({ expiry: null }, day), 0)
    assert.strictEqual(Books.sinceMs({ expiry: "2026-08-25" }, day), midnightMs)
    const books = new Books.Books(10)
    fold(books, 1, [
      [midnightMs - startMs - 1, packet(call, 100)],
      [midnightMs - startMs, packet(put, 200)]
    ])
    assert.isUndefined(shown(books, call, midnightMs))
    assert.strictEqual(shown(books, put, midnightMs)?.[0], 200)
    assert.strictEqual(shown(books, call)?.[0], 100)
  })
})
