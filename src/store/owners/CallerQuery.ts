/** A statement of a caller on the wire to Postgres. */
import * as Caller from "./Caller.ts"

/** The parts of pg's Connection that are used here. */
interface Wire {
  readonly parse: (message: { readonly text: string; readonly name: string; readonly types: ReadonlyArray<number> }) => void
  readonly bind: (message: { readonly portal: string; readonly statement: string; readonly values: ReadonlyArray<string> }) => void
  readonly execute: (message: { readonly portal: string; readonly rows: number }) => void
  /** Texts of named statements that were sent, and that the server has not answered yet. */
  readonly submittedNamedStatements: Record<string, string>
}
/** The parts of pg's Query. */
export interface Query {
  /** The name of a statement that the connection keeps prepared. */
  name: string | undefined
  prepare(wire: Wire): void
  handleDataRow(row: unknown): void
  handleCommandComplete(message: unknown, wire: Wire): void
  handleError(error: unknown, wire: Wire): void
}
export interface Config {
  readonly text: string
  readonly name?: string
  readonly values: ReadonlyArray<unknown>
  readonly rowMode?: "array"
}
/** The Query class of the pool's own clients. */
export type QueryClass = new (config: Config & { readonly queryMode: "extended" }) => Query

const settings = `SELECT set_config('role', $1, true), set_config('${Caller.ownerSetting}', $2, true), set_config('${Caller.accountsSetting}', $3, true)`

/**
 * A query class that sends the caller's settings before each statement, in the same message to the server. Without a sync between them
 * Postgres runs both as one transaction (PostgreSQL manual, 55.2.3, pipelining), and the settings end with it. So no statement runs without
 * its caller, no setting stays on a connection, and a statement costs no further round trip.
 *
 * pg takes the server's first answer as the answer to the named statement. Here the first answer is about the settings, so the query has its
 * name only while it is sent and after that first answer.
 */
export const classOf = (Base: QueryClass) =>
  class extends Base {
    readonly #caller: Caller.Caller
    /** False until the server has answered the settings. */
    #isSet = false
    readonly #name: string | undefined

    constructor(config: Config, caller: Caller.Caller) {
      super({ ...config, queryMode: "extended" })
      this.#caller = caller
      this.#name = config.name
    }
    override prepare(wire: Wire): void {
      wire.parse({ text: settings, name: "", types: [] })
      wire.bind({ portal: "", statement: "", values: [Caller.role, this.#caller.owner, this.#caller.accounts().join(",")] })
      wire.execute({ portal: "", rows: 0 })
      super.prepare(wire)
      this.name = undefined
    }
    override handleDataRow(row: unknown): void {
      if (this.#isSet) super.handleDataRow(row)
    }
    override handleCommandComplete(message: unknown, wire: Wire): void {
      if (this.#isSet) super.handleCommandComplete(message, wire)
      else {
        this.#isSet = true
        this.name = this.#name
      }
    }
    override handleError(error: unknown, wire: Wire): void {
      // If the settings fail, Postgres does not read the statement after them.
      if (!this.#isSet && this.#name !== undefined) delete wire.submittedNamedStatements[this.#name]
      super.handleError(error, wire)
    }
  }
