import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlError from "@effect/sql/SqlError"
import { Cause, Chunk, Data, Effect, Exit, Option, type ParseResult, Schedule } from "effect"

const unavailable = "Database unavailable: "

/**
 * Postgres cannot be reached or did not answer in time. After a write the outcome is unknown unless the write was never sent, so only what
 * is idempotent may be tried again.
 */
export class StoreUnavailable extends Data.TaggedError("StoreUnavailable")<{ readonly detail: string; readonly cause: unknown }> {
  override get message(): string {
    return this.detail
  }
  /** Postgres was not reached at all, as against slow or locked. */
  get isConnection(): boolean {
    return this.detail.startsWith(`${unavailable}Connection`)
  }
}
/** A unique or exclusion constraint refused the write. */
export class StoreConflict extends Data.TaggedError("StoreConflict")<{ readonly constraint: string }> {}
/** A foreign key or check refused the write, or a value does not fit its column; `constraint` names the constraint or the condition. */
export class StoreInvalid extends Data.TaggedError("StoreInvalid")<{ readonly constraint: string }> {}
export type StoreError = StoreUnavailable | StoreConflict | StoreInvalid

/** The server undid the transaction because of another one (deadlock, serialisation failure): it may be run again as a whole. */
class RolledBack extends Data.TaggedError("RolledBack")<{ readonly cause: unknown }> {}

/** How often a transaction that lost to another one is run again. */
export const rolledBackRetriesMax = 3

const lostConnection = /^(Connection terminated|Connection ended|Client has encountered|Client was closed|Cannot use a pool after)/
const networkCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "EADDRNOTAVAIL"
])

/** SQLSTATE values and classes that say nothing about the statement, only that the server cannot serve it now. */
const awayStates: ReadonlySet<string> = new Set([
  "57014", // query_canceled: statement_timeout
  "55P03", // lock_not_available: lock_timeout
  "25P03", // idle_in_transaction_session_timeout
  "25P04", // transaction_timeout
  "25006", // read_only_sql_transaction: a failover left us on a replica
  "3D000" // invalid_catalog_name
])
const awayClasses: ReadonlySet<string> = new Set(["08", "28", "53", "57", "58"])

/** What we read of an error of pg or of Node. */
interface Reason {
  readonly code?: unknown
  /** Only on what the server answered. */
  readonly severity?: unknown
  readonly constraint?: unknown
  readonly message?: unknown
}
const isRecord = (value: unknown): value is Reason => typeof value === "object" && value !== null
const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** Why Postgres is away, in a few words without addresses or secrets; null when it is not. */
const away = (code: string, message: string): string | null => {
  if (message.startsWith("timeout exceeded when trying to connect")) return "Connection pool timeout"
  if (message.startsWith("Query read timeout")) return "Query timeout"
  if (message === "Connection timed out") return "Connection timeout"
  if (lostConnection.test(message)) return "Connection lost"
  if (networkCodes.has(code)) return `Connection failed: ${code}`
  if (awayStates.has(code) || (code.length === 5 && awayClasses.has(code.slice(0, 2)))) return `Postgres answered ${code}`
  return null
}

/** One SQL error as ours; null for what only a bug of ours explains. Codes: PostgreSQL manual, appendix A. */
const classify = (error: SqlError.SqlError): StoreError | RolledBack | null => {
  const cause: Reason = isRecord(error.cause) ? error.cause : {}
  const code = text(cause.code)
  switch (code) {
    case "40P01":
    case "40001":
      return new RolledBack({ cause: error })
    case "23505":
    case "23P01":
      return new StoreConflict({ constraint: text(cause.constraint) })
    case "23503":
    case "23514":
      return new StoreInvalid({ constraint: text(cause.constraint) })
    case "22003":
      return new StoreInvalid({ constraint: "numeric_value_out_of_range" })
    case "22021":
    case "22P05":
      return new StoreInvalid({ constraint: "character_not_in_repertoire" })
  }
  const detail = away(code, text(cause.message))
  return detail === null ? null : new StoreUnavailable({ detail: `${unavailable}${detail}`, cause: error })
}

/** The SQL error a cause holds, as a failure or as the defect that a broken ROLLBACK or COMMIT leaves behind. */
const sqlErrorOf = (cause: Cause.Cause<unknown>): SqlError.SqlError | null => {
  const isSqlError = (value: unknown): value is SqlError.SqlError => value instanceof SqlError.SqlError
  const failures = Chunk.toReadonlyArray(Cause.failures(cause)).filter(isSqlError)
  const defects = Chunk.toReadonlyArray(Cause.defects(cause)).filter(isSqlError)
  return defects[0] ?? failures[0] ?? null
}

/** The server itself refused: whatever it was, the session goes on. */
const isAnswer = (error: SqlError.SqlError): boolean => isRecord(error.cause) && error.cause.severity !== undefined

/** True when a transaction ended without an answer to its ROLLBACK or COMMIT: the connection may still be inside it. */
export const isBroken = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Chunk.some(Cause.defects(exit.cause), (defect) => defect instanceof SqlError.SqlError && !isAnswer(defect))

type Ours<E> = Exclude<E, SqlError.SqlError | ParseResult.ParseError | Cause.NoSuchElementException>

const isTagged = (value: unknown, tag: string): boolean =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === tag
/** Failures of the SQL layer: each becomes one of ours or a defect. */
const isSqlFailure = (failure: unknown): boolean =>
  ["SqlError", "ParseError", "NoSuchElementException"].some((tag) => isTagged(failure, tag))

const mapped = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Ours<E> | StoreError | RolledBack, R> =>
  Effect.catchAllCause(effect, (cause): Effect.Effect<never, Ours<E> | StoreError | RolledBack> => {
    if (Cause.isInterrupted(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const sqlError = sqlErrorOf(cause)
    const error = sqlError === null ? null : classify(sqlError)
    if (error !== null) return Effect.fail(error)
    // What is left is the repository's own error, or a defect: a row that does not decode, SQL that is wrong.
    const own = Option.filter(Cause.failureOption(cause), (failure) => !isSqlFailure(failure))
    return Option.isSome(own) ? Effect.fail(own.value as Ours<E>) : Effect.die(Cause.squash(cause))
  })

const again = Schedule.intersect(Schedule.jittered(Schedule.exponential("20 millis")), Schedule.recurs(rolledBackRetriesMax))

/**
 * The one place where SQL errors get a meaning: `StoreUnavailable`, `StoreConflict`, `StoreInvalid`, or a defect. A deadlock or a
 * serialisation failure runs the effect again, so the guard stands outside its whole transaction.
 */
export const guard = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Ours<E> | StoreError, R> =>
  Effect.flatMap(Effect.serviceOption(SqlClient.TransactionConnection), (outer) =>
    // Within a transaction of the caller's only the caller can start over.
    Effect.retry(mapped(effect), { schedule: again, while: (error) => Option.isNone(outer) && isTagged(error, "RolledBack") })
  ).pipe(
    Effect.catchIf(
      (error): error is Extract<typeof error, RolledBack> => isTagged(error, "RolledBack"),
      ({ cause }) => Effect.fail(new StoreUnavailable({ detail: `${unavailable}too many concurrent writes`, cause }))
    )
  ) as Effect.Effect<A, Ours<E> | StoreError, R>

/** `guard` for what no constraint can refuse, reads above all: a refusal is a defect then. */
export const guardRead = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<Ours<E>, StoreConflict | StoreInvalid> | StoreUnavailable, R> =>
  Effect.catchIf(
    guard(effect),
    (error): error is Extract<typeof error, StoreConflict | StoreInvalid> =>
      isTagged(error, "StoreConflict") || isTagged(error, "StoreInvalid"),
    Effect.die
  ) as Effect.Effect<A, Exclude<Ours<E>, StoreConflict | StoreInvalid> | StoreUnavailable, R>
