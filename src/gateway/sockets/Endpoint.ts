import { Effect, Either, ParseResult, Schema } from "effect"
import type { User } from "../../contract/shared/Authentication.ts"
import * as SocketActions from "../../contract/sockets/SocketActions.ts"
import type { Connection } from "./Connection.ts"

type Actions = Readonly<Record<string, (message: object) => Effect.Effect<void>>>

/** The actions of one connection on one path, and its clean-up. */
export interface Session {
  /** The first message. */
  readonly welcome: object
  readonly actions: Actions
  /** Additional fields of a pong. */
  readonly pong?: () => object
  /** Leaves every topic. Called once, when the socket is closed. */
  readonly end: () => void
}
export interface Endpoint {
  readonly path: SocketActions.Path
  readonly open: (connection: Connection) => Session
}

export const userView = ({ id, email, name }: User) => ({ user_id: id, email, name })

const issuesMax = 5

const problemOf = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .slice(0, issuesMax)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.map(String).join(".")}: ${message.slice(0, 200)}`))
    .join("; ")

/** An action for messages of this form. A message of another form gets an error and has no effect. */
export const action = <A, I>(connection: Connection, schema: Schema.Schema<A, I>, run: (message: A) => Effect.Effect<void>) => {
  const decode = Schema.decodeUnknownEither(schema, { errors: "all" })
  return (message: object): Effect.Effect<void> =>
    Either.match(decode(message), {
      onLeft: (error) => Effect.sync(() => connection.refuse("validation_error", `Validation error: ${problemOf(error)}`)),
      onRight: run
    })
}

const parse = (text: string): Either.Either<unknown, unknown> => Either.try(() => JSON.parse(text))

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value)

/** Answers a ping, `{"action":"ping"}`; false for any other message. */
export const answersPing = (connection: Connection, { pong }: Session, text: string): boolean => {
  // Checked before parsing, because most messages are not pings.
  if (!text.includes('"ping"')) return false
  const message = Either.getOrUndefined(parse(text))
  const isPing = isObject(message) && "action" in message && message.action === "ping"
  if (isPing) connection.reply({ type: "pong", ...pong?.() })
  return isPing
}

/** Runs the action of one message. The connection stays open, whatever the message is. An action that the contract lacks is unknown. */
export const receive = (connection: Connection, path: SocketActions.Path, actions: Actions, text: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const parsed = parse(text)
    if (Either.isLeft(parsed)) return Effect.sync(() => connection.refuse("validation_error", "Invalid JSON"))
    const message = parsed.right
    if (!isObject(message)) return Effect.sync(() => connection.refuse("validation_error", "Validation error: expected an object"))
    const name = "action" in message ? message.action : undefined
    const isKnown = typeof name === "string" && SocketActions.isDeclared(path, name) && Object.hasOwn(actions, name)
    const run = isKnown ? actions[name] : undefined
    return run === undefined ? Effect.sync(() => connection.refuse("validation_error", "Unknown action")) : run(message)
  })
