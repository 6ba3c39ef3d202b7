import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import type { SqlError } from "@effect/sql/SqlError"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Context, Effect, FiberRef, Layer, type Scope, Stream } from "effect"
import * as Caller from "./Caller.ts"
import * as CallerQuery from "./CallerQuery.ts"
import * as Prepared from "./Prepared.ts"

/** The further parts of pg's client that are used here, on a connection that sql-pg has reserved. */
interface Reserved extends Connection {
  readonly pg: {
    readonly constructor: { readonly Query: CallerQuery.QueryClass }
    readonly emit: (event: "error", error: Error) => void
    /** "I" outside of a transaction. */
    readonly getTransactionStatus: () => string | null
  }
}

type Take<A extends Connection> = Effect.Effect<A, SqlError, Scope.Scope>

/** Statements that begin, end or describe a transaction. They touch no row, and one of them must come before any other statement. */
const isControl = (text: string): boolean => /^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|SET TRANSACTION) ?/.test(text)

/** The class of callers' statements. It extends pg's Query class, which the first reserved connection provides and all share. */
let callerClass: ReturnType<typeof CallerQuery.classOf> | undefined
const classIn = ({ pg }: Reserved) => {
  callerClass ??= CallerQuery.classOf(pg.constructor.Query)
  return callerClass
}

/** On whose behalf a statement runs, and whether its connection keeps it prepared. */
interface Run {
  readonly caller: Caller.Caller | undefined
  readonly isKept: boolean
}
const runOf = Effect.withFiberRuntime<Run>((fiber) =>
  Effect.succeed({ caller: fiber.getFiberRef(Caller.current), isKept: fiber.getFiberRef(Prepared.wanted) })
)

/** sql-pg hands its text to pg unchanged, and pg takes a query object or its fields in its place. */
const statement = ({ caller, isKept }: Run, text: string, params: ReadonlyArray<unknown>, more = {}) => {
  if (isControl(text)) return [text, params] as const
  const given = isKept ? { text, ...Prepared.nameOf(caller === undefined ? "platform" : "caller", text) } : { text }
  if (caller === undefined) return [given as unknown as string, params] as const
  if (callerClass === undefined) throw new Error("a caller's statement runs before any connection was reserved")
  return [new callerClass({ ...given, values: params, ...more }, caller) as unknown as string, []] as const
}

/** Runs every statement for the caller of its fiber, on the connection that `take` gives, or `ofStream` for the platform's streams. */
const connectionOf = (
  take: (caller: Caller.Caller | undefined) => Take<Connection>,
  ofStream: (caller: Caller.Caller | undefined) => Take<Connection> = take
): Connection => {
  const on = <A>(use: (it: Connection, run: Run) => Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
    Effect.flatMap(runOf, (run) => Effect.scoped(Effect.flatMap(take(run.caller), (it) => use(it, run)))).pipe(
      Effect.tapError(({ cause }) => Effect.sync(() => cause instanceof Error && Prepared.isOutdated(cause.message) && Prepared.renew()))
    )
  const execute: Connection["execute"] = (text, params, transform) =>
    on((it, run) => it.execute(...statement(run, text, params), transform))
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: (text, params) => on((it, run) => it.executeRaw(...statement(run, text, params))),
    executeValues: (text, params) =>
      on((it, run) =>
        run.caller === undefined
          ? it.executeValues(text, params)
          : it.execute(...statement(run, text, params, { rowMode: "array" }), undefined)
      ),
    // A caller's rows are all read at once, because a cursor would stay open over several transactions of the connection.
    executeStream: (text, params, transform) =>
      Stream.unwrapScoped(
        Effect.flatMap(FiberRef.get(Caller.current), (caller) =>
          caller === undefined
            ? Effect.map(ofStream(caller), (it) => it.executeStream(text, params, transform))
            : Effect.map(execute(text, params, transform), (rows) => Stream.fromIterable(rows))
        )
      )
  }
}

const make = Effect.gen(function* () {
  const base = yield* PgClient.PgClient
  /**
   * If a fiber is interrupted while it waits, sql-pg never returns the connection that it gets afterwards. So the wait continues without
   * the fiber.
   */
  const taken = Effect.disconnect(Effect.uninterruptible(base.reserve as Take<Reserved>))
  /**
   * A connection of the pool. If it is inside a transaction when it is returned, it is reported as broken, so that the pool closes it and
   * nobody else works in this transaction.
   */
  const reserved = Effect.tap(taken, (it) => {
    classIn(it)
    return Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (it.pg.getTransactionStatus() !== "I") it.pg.emit("error", new Error("a connection was returned inside of a transaction"))
      })
    )
  })
  /**
   * How sql-pg itself runs a single statement: it takes a connection and gives it back without another fiber and scope. A single statement
   * cannot leave a transaction open.
   */
  const { acquirer: single } = base`` as unknown as { readonly acquirer: Take<Connection> }
  /** A transaction belongs to one caller from its beginning to its end. */
  const transactional = Effect.gen(function* () {
    const it = yield* reserved
    const holder = yield* FiberRef.get(Caller.current)
    const same = (caller: Caller.Caller | undefined) =>
      caller === holder ? Effect.succeed(it) : Effect.dieMessage("a statement for another caller is inside of a transaction")
    return Object.assign(connectionOf(same), { pg: it.pg })
  })
  const { config } = base
  const client = yield* SqlClient.make({
    acquirer: Effect.succeed(
      connectionOf(
        (caller) => (caller !== undefined && callerClass === undefined ? reserved : single),
        () => reserved
      )
    ),
    transactionAcquirer: transactional,
    compiler: PgClient.makeCompiler(),
    spanAttributes: [
      ["db.system.name", "postgresql"],
      ["db.namespace", config.database ?? config.username ?? "postgres"],
      ["server.address", config.host ?? "localhost"],
      ["server.port", config.port ?? 5432]
    ]
  })
  const { json, listen, notify } = base
  return Object.assign(client, { [PgClient.TypeId]: PgClient.TypeId, config, json, listen, notify }) satisfies PgClient.PgClient
})

/** The same pool, whose statements run for the caller of their fiber (`Caller.ts`). */
export const layer: Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, never, PgClient.PgClient> = Layer.effectContext(
  Effect.map(make, (client) => Context.add(Context.make(PgClient.PgClient, client), SqlClient.SqlClient, client))
).pipe(Layer.provide(Reactivity.layer))
