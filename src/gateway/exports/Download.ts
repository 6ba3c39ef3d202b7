import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Option, Stream } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import { nextTurn } from "../../loop/Turn.ts"
import * as Metrics from "../shared/Metrics.ts"
import type { Column, Format, Row } from "./Table.ts"

/** Files that one gateway writes at the same time. */
export const downloadsMax = 4
/** Rows of one piece of a file: some milliseconds of work, and a few hundred kilobytes of memory. */
export const pieceRows = 2_000

/** Rows of a table, and where the next piece begins; undefined at the end. */
export interface Piece<Next> {
  readonly rows: ReadonlyArray<Row>
  readonly next: Option.Option<Next>
}

export interface Table<Next, E> {
  readonly name: string
  readonly columns: ReadonlyArray<Column>
  readonly first: Next
  readonly read: (at: Next) => Effect.Effect<Piece<Next>, E>
}

const tooMany = new Problem.TooManyRequests({ detail: `This gateway writes ${downloadsMax} files already; try again in a minute` })

const slicesOf = (rows: ReadonlyArray<Row>): ReadonlyArray<ReadonlyArray<Row>> =>
  Array.from({ length: Math.ceil(rows.length / pieceRows) }, (_, at) => rows.slice(at * pieceRows, (at + 1) * pieceRows))

/**
 * Answers with a table as a file. The file is written while the table is read, so memory does not grow with its length. The first piece is
 * read before the answer begins, so that a wrong request gets an error status. A later failure cuts the connection, and so the client
 * notices that the file is incomplete.
 */
export const make = () => {
  /** Files that are being sent. A place is taken only when the body begins: a client that disconnects earlier holds none. */
  let open = 0
  const opened = Stream.acquireRelease(
    Effect.sync(() => {
      open++
    }),
    () =>
      Effect.sync(() => {
        open--
      })
  )

  const written = <Next, E>(table: Table<Next, E>, { begin }: Format, first: Piece<Next>): Stream.Stream<Uint8Array, E> => {
    const writer = begin(table.columns)
    const pieces = Stream.concat(
      Stream.make(first.rows),
      Stream.unfoldEffect(first.next, (next) =>
        Option.match(next, {
          onNone: () => Effect.succeedNone,
          onSome: (at) => Effect.map(table.read(at), (piece) => Option.some([piece.rows, piece.next] as const))
        })
      )
    )
    const bodies = pieces.pipe(
      Stream.flatMap((rows) => Stream.fromIterable(slicesOf(rows))),
      Stream.mapEffect((rows) => Effect.as(nextTurn, rows)),
      Stream.map((rows) => {
        Metrics.exportedRows(table.name, rows.length)
        return writer.rows(rows)
      })
    )
    return Stream.suspend(() => Stream.make(writer.head())).pipe(
      Stream.concat(bodies),
      Stream.concat(Stream.suspend(() => Stream.make(writer.end()))),
      Stream.filter((bytes) => bytes.length > 0)
    )
  }

  return <Next, E>(table: Table<Next, E>, format: Format) =>
    Effect.gen(function* () {
      if (open >= downloadsMax) return yield* tooMany
      const first = yield* table.read(table.first)
      const guarded = opened.pipe(
        Stream.flatMap(() => written(table, format, first)),
        Stream.tapError((error) => Effect.logWarning("a file was not finished", error))
      )
      return HttpServerResponse.stream(guarded, {
        contentType: format.contentType,
        headers: { "content-disposition": `attachment; filename="${table.name}.${format.extension}"`, "cache-control": "no-store" }
      })
    })
}
