import { Either, ParseResult, Schema } from "effect"
import type { Problem } from "./Problem.ts"

/** A calculation on a whole JSON document. It returns the same document with results, and the problems found. */
export type Calculation = (document: unknown) => Answer
export interface Answer {
  readonly document: unknown
  readonly problems: ReadonlyArray<Problem>
}

/** A row of a JSON document from which nothing can be computed. `path` is relative to the row ("fills[2].price"), or "". */
export interface BadRow {
  readonly path: string
  readonly reason: string
}

export type Json = { readonly [key: string]: unknown }
export const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

export const joinPath = (left: string, right: string): string =>
  left === "" ? right : right === "" || right.startsWith("[") ? `${left}${right}` : `${left}.${right}`

/** The path of a schema error: ["fills", 2, "price"] is "fills[2].price". */
const pathText = (path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>((text, step) => joinPath(text, typeof step === "number" ? `[${step}]` : String(step)), "")

/** Makes a decoder of rows that returns the first error as a `BadRow`. */
export const decoder = <A, I>(schema: Schema.Schema<A, I>): ((value: unknown) => Either.Either<A, BadRow>) => {
  const decode = Schema.decodeUnknownEither(schema)
  return (value) =>
    Either.mapLeft(decode(value), (error) => {
      const [first] = ParseResult.ArrayFormatter.formatErrorSync(error)
      return { path: pathText(first?.path ?? []), reason: first?.message ?? error.message }
    })
}

/**
 * Adds the results to every row of a document. The document is `{[list]: rows}`, an array of rows, or a single row. A bad row gets
 * `empty` as its results.
 */
export const overRows =
  (list: string, evaluate: (row: Json) => Either.Either<Json, BadRow>, empty: Json): Calculation =>
  (document) => {
    const problems: Array<Problem> = []
    const answer = (row: unknown, at: string): unknown => {
      const found = isObject(row) ? evaluate(row) : Either.left({ path: "", reason: "expected an object" })
      if (Either.isLeft(found)) problems.push({ at: joinPath(at, found.left.path) || "$", reason: found.left.reason })
      const results = Either.getOrElse(found, () => empty)
      return isObject(row) ? { ...row, ...results } : results
    }
    const all = (rows: ReadonlyArray<unknown>, at: string) => rows.map((row, index) => answer(row, `${at}[${index}]`))
    if (Array.isArray(document)) return { document: all(document, ""), problems }
    const rows = isObject(document) ? document[list] : undefined
    return {
      document: isObject(document) && Array.isArray(rows) ? { ...document, [list]: all(rows, list) } : answer(document, ""),
      problems
    }
  }
