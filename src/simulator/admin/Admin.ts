/** The admin interface for tests, on a separate port: it shows the true state of all orders, and sets faults. */
import { Either, Schema } from "effect"
import type { Hub } from "../KiteSocket.ts"
import { Fault, type Faults } from "../orders/Faults.ts"
import type { OrderDesk } from "../orders/OrderDesk.ts"
import * as Updates from "../orders/Updates.ts"
import * as Route from "../Route.ts"
import type * as Sessions from "../Sessions.ts"

export interface Options {
  readonly desk: OrderDesk
  readonly faults: Faults
  readonly updates: Updates.Updates
  readonly sessions: Sessions.Sessions
  readonly hub: Pick<Hub, "cut" | "fail" | "refuse">
}

const faultsMax = 100_000
const Added = Schema.Struct({
  account_id: Schema.optional(Schema.String),
  target: Schema.optionalWith(Schema.Literal("change", "read"), { default: () => "change" as const }),
  faults: Schema.Array(Fault).pipe(Schema.maxItems(faultsMax))
})
const Scatter = Schema.Struct({
  seed: Schema.Int,
  share: Schema.Number.pipe(Schema.between(0, 1)),
  among: Schema.NonEmptyArray(Fault)
})
const Lag = Schema.Struct({ lag_ms: Schema.Int.pipe(Schema.between(0, 600_000)) })
const OfAccount = Schema.Struct({ account_id: Schema.String })
/** With `retry_after_s` null, requests are answered again. */
const AccountLimit = Schema.Struct({
  account_id: Schema.String,
  retry_after_s: Schema.NullOr(Schema.Int.pipe(Schema.between(1, 3_600)))
})
/** `place` is the index among the open connections; 0 is the oldest. */
const place = { place: Schema.NonNegativeInt }
const delayMs = Schema.propertySignature(Schema.Int.pipe(Schema.between(1, 600_000))).pipe(Schema.fromKey("delay_ms"))
const SocketFault = Schema.Union(
  Schema.Struct({ ...place, kind: Schema.Literal("mute"), tokens: Schema.optional(Schema.Array(Schema.Int)) }),
  Schema.Struct({ ...place, kind: Schema.Literal("half_open", "half_frame", "bad_frame", "bad_text") }),
  Schema.Struct({ ...place, kind: Schema.Literal("slow"), delayMs })
)
const Refusals = Schema.Struct({ logins: Schema.NonNegativeInt, upgrades: Schema.NonNegativeInt })

/** A route that decodes its JSON body. */
const decoding = <A, I>(schema: Schema.Schema<A, I>, answer: (value: A) => Route.Response): Route.Answer => {
  const decode = Schema.decodeUnknownEither(Schema.parseJson(schema))
  return ({ body }) =>
    Either.match(decode(body), { onLeft: ({ message }) => Route.refuse(400, "InputException", message), onRight: answer })
}

const done = Route.success(true)
const acting = <A, I>(schema: Schema.Schema<A, I>, act: (value: A) => void): Route.Answer =>
  decoding(schema, (value) => {
    act(value)
    return done
  })

const noAccount = (accountId: string) => Route.refuse(404, "InputException", `The simulator has no account ${accountId}.`)

const noConnection = (at: number) => Route.refuse(404, "InputException", `No connection is open at place ${at}.`)

const faultRoutes = ({ desk, faults, updates }: Options): Readonly<Record<string, Route.Answer>> => ({
  "GET /faults": () =>
    Route.success({ waiting: { change: faults.waiting("change"), read: faults.waiting("read") }, applied: faults.applied() }),
  "POST /faults": acting(Added, ({ account_id, faults: added, target }) => faults.addTo(target, added, account_id)),
  "POST /faults/clear": acting(OfAccount, ({ account_id }) => faults.clearOf(account_id)),
  "PUT /faults/scatter": acting(Scatter, (scatter) => faults.scatter(scatter)),
  "DELETE /faults": () => {
    faults.clear()
    updates.fail(Updates.none)
    desk.setLag(0)
    return done
  },
  "PUT /updates": acting(Updates.UpdateFaults, (value) => updates.fail(value)),
  "PUT /lag": acting(Lag, ({ lag_ms }) => desk.setLag(lag_ms))
})

/** Answers one request. */
export const make = (options: Options): ((request: Route.Request) => Route.Response) => {
  const { desk, hub, sessions } = options
  const routes = new Map<string, Route.Answer>(
    Object.entries({
      ...faultRoutes(options),
      "GET /orders": () => Route.success(desk.truth()),
      "POST /sessions/expire": decoding(OfAccount, ({ account_id }) => (sessions.expire(account_id) ? done : noAccount(account_id))),
      "PUT /limit": decoding(AccountLimit, ({ account_id, retry_after_s }) =>
        sessions.limit(account_id, retry_after_s) ? done : noAccount(account_id)
      ),
      "POST /sockets/fail": decoding(SocketFault, ({ place: at, ...fault }) => (hub.fail(at, fault) ? done : noConnection(at))),
      "PUT /refusals": acting(Refusals, ({ logins, upgrades }) => {
        sessions.refuse(logins)
        hub.refuse(upgrades)
      }),
      "POST /sockets/cut": decoding(OfAccount, ({ account_id }) => {
        const account = sessions.account(account_id)
        if (account === undefined) return noAccount(account_id)
        hub.cut(account.apiKey)
        return done
      })
    })
  )
  return (request) => {
    const [path = ""] = request.url.split("?", 1)
    const answer = routes.get(`${request.method} ${path}`)
    return answer === undefined
      ? Route.refuse(404, "GeneralException", `The admin port has no ${request.method} ${path}`)
      : answer(request, new URLSearchParams())
  }
}
