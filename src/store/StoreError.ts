import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlError from "@effect/sql/SqlError"
import { Cause, Chunk, Data, Effect, Exit, Option, type ParseResult, Schedule } from "effect"
import * as Metrics from "./Metrics.ts"
import * as Prepared from "./owners/Prepared.ts"

const unavailable = "Database unavailable: "

/**
 * Postgres cannot be reached or did not answer in time. A write that was sent may have succeeded, so only an idempotent write may be
 * repeated.
 */
export class StoreUnavailable extends Data.TaggedError("StoreUnavailable")<{ readonly detail: string; readonly cause: unknown }> {
  override get message(): string {
    return this.detail
  }
  /** True if Postgres was not reached at all; false if it was slow or locked. */
  get isConnection(): boolean {
    return this.detail.startsWith(`${unavailable}Connection`)
  }
}
/** A unique or exclusion constraint refused the write. */
export class StoreConflict extends Data.TaggedError("StoreConflict")<{ readonly constraint: string }> {}
/** A foreign key or check refused the write, or a value does not fit its column; `constraint` names the constraint or the condition. */
export class StoreInvalid extends Data.TaggedError("StoreInvalid")<{ readonly constraint: string }> {}
export type StoreError = StoreUnavailable | StoreConflict | StoreInvalid

/** The server rolled the transaction back because of another one (deadlock, serialisation failure). The whole transaction may run again. */
class RolledBack extends Data.TaggedError("RolledBack")<{ readonly cause: unknown }> {}

/** How often a transaction that was rolled back because of another one runs again. */
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

/** SQLSTATE values and classes that mean that the server cannot run any statement now. */
const awayStates: ReadonlySet<string> = new Set([
  "57014", // query_canceled: statement_timeout
  "55P03", // lock_not_available: lock_timeout
  "25P03", // idle_in_transaction_session_timeout
  "25P04", // transaction_timeout
  "25006", // read_only_sql_transaction: a failover left us on a replica
  "3D000" // invalid_catalog_name
])
const awayClasses: ReadonlySet<string> = new Set(["08", "28", "53", "57", "58"])

/** SQLSTATE disk_full. Reads still work, and stored data are intact. */
const diskFull = "53100"
const diskFullText = "the disk of Postgres is full (53100): free space there, then writes go on by themselves"

/** The fields that we read of an error of pg or of Node. */
interface Reason {
  readonly code?: unknown
  /** Present only on an answer of the server. */
  readonly severity?: unknown
  readonly constraint?: unknown
  readonly message?: unknown
}
const isRecord = (value: unknown): value is Reason => typeof value === "object" && value !== null
const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** Why Postgres is away, in a few words without addresses or secrets; null if it is not away. */
const away = (code: string, message: string): string | null => {
  if (message.startsWith("timeout exceeded when trying to connect")) return "Connection pool timeout"
  if (message.startsWith("Query read timeout")) return "Query timeout"
  if (message === "Connection timed out") return "Connection timeout"
  if (lostConnection.test(message)) return "Connection lost"
  if (networkCodes.has(code)) return `Connection failed: ${code}`
  if (code === diskFull) return diskFullText
  if (Prepared.isOutdated(message)) return "the database's columns have just changed"
  if (awayStates.has(code) || (code.length === 5 && awayClasses.has(code.slice(0, 2)))) return `Postgres answered ${code}`
  return null
}

/** Our error for an SQL error; null if only a bug of ours can explain it. Codes: PostgreSQL manual, appendix A. */
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
  if (code === diskFull) Metrics.databaseDiskFull()
  const detail = away(code, text(cause.message))
  return detail === null ? null : new StoreUnavailable({ detail: `${unavailable}${detail}`, cause: error })
}

/** The SQL error in a cause: a failure, or the defect that a broken ROLLBACK or COMMIT leaves behind. */
const sqlErrorOf = (cause: Cause.Cause<unknown>): SqlError.SqlError | null => {
  const isSqlError = (value: unknown): value is SqlError.SqlError => value instanceof SqlError.SqlError
  const failures = Chunk.toReadonlyArray(Cause.failures(cause)).filter(isSqlError)
  const defects = Chunk.toReadonlyArray(Cause.defects(cause)).filter(isSqlError)
  return defects[0] ?? failures[0] ?? null
}

/** True if the error is an answer of the server. The session then continues. */
const isAnswer = (error: SqlError.SqlError): boolean => isRecord(error.cause) && error.cause.severity !== undefined

/** True if a transaction ended without an answer to its ROLLBACK or COMMIT. The connection may still be inside it. */
export const isBroken = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Chunk.some(Cause.defects(exit.cause), (defect) => defect instanceof SqlError.SqlError && !isAnswer(defect))

type Ours<E> = Exclude<E, SqlError.SqlError | ParseResult.ParseError | Cause.NoSuchElementException>

const isTagged = (value: unknown, tag: string): boolean =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === tag
/** True for failures of the SQL layer. Each becomes one of our errors or a defect. */
const isSqlFailure = (failure: unknown): boolean =>
  ["SqlError", "ParseError", "NoSuchElementException"].some((tag) => isTagged(failure, tag))

const mapped = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Ours<E> | StoreError | RolledBack, R> =>
  Effect.catchAllCause(effect, (cause): Effect.Effect<never, Ours<E> | StoreError | RolledBack> => {
    if (Cause.isInterrupted(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const sqlError = sqlErrorOf(cause)
    const error = sqlError === null ? null : classify(sqlError)
    if (error !== null) return Effect.fail(error)
    // The rest is the repository's own error, or a defect such as wrong SQL or a row that does not decode.
    const own = Option.filter(Cause.failureOption(cause), (failure) => !isSqlFailure(failure))
    return Option.isSome(own) ? Effect.fail(own.value as Ours<E>) : Effect.die(Cause.squash(cause))
  })

const again = Schedule.intersect(Schedule.jittered(Schedule.exponential("20 millis")), Schedule.recurs(rolledBackRetriesMax))

/**
 * The one place that turns SQL errors into `StoreUnavailable`, `StoreConflict`, `StoreInvalid` or a defect. After a deadlock or a
 * serialisation failure it runs the effect again, so it must enclose the whole transaction.
 */
export const guard = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Ours<E> | StoreError, R> =>
  Effect.flatMap(Effect.serviceOption(SqlClient.TransactionConnection), (outer) =>
    // Inside a caller's transaction, only the caller can run it again.
    Effect.retry(mapped(effect), { schedule: again, while: (error) => Option.isNone(outer) && isTagged(error, "RolledBack") })
  ).pipe(
    Effect.catchIf(
      (error): error is Extract<typeof error, RolledBack> => isTagged(error, "RolledBack"),
      ({ cause }) => Effect.fail(new StoreUnavailable({ detail: `${unavailable}too many concurrent writes`, cause }))
    )
  ) as Effect.Effect<A, Ours<E> | StoreError, R>

/** `guard` for effects that no constraint can refuse, above all reads. A refusal is a defect here. */
export const guardRead = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<Ours<E>, StoreConflict | StoreInvalid> | StoreUnavailable, R> =>
  Effect.catchIf(
    guard(effect),
    (error): error is Extract<typeof error, StoreConflict | StoreInvalid> =>
      isTagged(error, "StoreConflict") || isTagged(error, "StoreInvalid"),
    Effect.die
  ) as Effect.Effect<A, Exclude<Ours<E>, StoreConflict | StoreInvalid> | StoreUnavailable, R>
