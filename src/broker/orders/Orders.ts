import { Effect, Either, Option, Schema } from "effect"
import * as Figures from "../../domain/accounts/Figures.ts"
import * as OrderMerge from "../../domain/accounts/OrderMerge.ts"
import * as Triggers from "../../domain/accounts/Triggers.ts"
import * as Money from "../../domain/Money.ts"
import type * as GttRequest from "../../domain/orders/GttRequest.ts"
import type { OrderRequest, Place } from "../../domain/orders/OrderRequest.ts"
import * as Outcome from "../../domain/orders/Outcome.ts"
import type { Account } from "../Account.ts"
import * as KiteClient from "../KiteClient.ts"
import * as KiteError from "../KiteError.ts"
import type { KiteSession } from "../KiteSession.ts"
import * as BookRows from "./BookRows.ts"
import * as FreshAgents from "./FreshAgents.ts"

/** Connections for orders of one account. Market data and history use others, so they never delay a send. */
const connectionsMax = 8

const Order = Schema.Struct({
  order_id: Schema.String,
  tag: Schema.optionalWith(Schema.NullOr(Schema.String), { default: () => null }),
  status: Schema.String,
  status_message: Schema.optionalWith(Schema.NullOr(Schema.String), { default: () => null }),
  variety: Schema.String,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  transaction_type: Schema.String,
  order_type: Schema.String,
  product: Schema.String,
  validity: Schema.String,
  quantity: Schema.Number,
  filled_quantity: Schema.Number,
  pending_quantity: Schema.Number,
  price: Schema.Number,
  trigger_price: Schema.Number,
  average_price: Schema.Number,
  parent_order_id: Schema.optionalWith(Schema.NullOr(Schema.String), { default: () => null }),
  meta: Schema.optionalWith(Schema.Unknown, { default: () => null })
})
/**
 * An order of the broker's book, in Kite's own names. Prices are rupees as Kite prints them. `figures` is the whole row for the account's
 * state; null if a field of it that orders do not need cannot be read, because such a field must not prevent the order's outcome from being
 * known.
 */
export type Order = typeof Order.Type & { readonly figures: Figures.Order | null }

export const isOpen = (order: Pick<Order, "status">): boolean => !OrderMerge.hasEnded(order)

const isLaterLeg = Schema.is(Schema.Struct({ iceberg: Schema.Struct({ leg: Schema.Number.pipe(Schema.greaterThan(1)) }) }))
/** A later leg of an iceberg order, or the stop of a cover order. The broker makes it, with the tag of the order that it follows from. */
export const isFollowing = ({ meta, parent_order_id }: Pick<Order, "meta" | "parent_order_id">): boolean =>
  (parent_order_id !== null && parent_order_id !== "") || isLaterLeg(meta)

const readRows = KiteClient.json(Schema.Array(Schema.Unknown))
const decodeOrder = Schema.decodeUnknownEither(Order)
const decodeFigures = Schema.decodeUnknownOption(Figures.KiteOrder)
const orderOf = (row: unknown, at: number): Either.Either<Order, string> =>
  Either.mapBoth(decodeOrder(row), {
    onLeft: () => `data.${at} is not an order as documented`,
    onRight: (order) => ({ ...order, figures: Option.getOrNull(decodeFigures(row)) })
  })
const readPlaced = KiteClient.json(Schema.Struct({ order_id: Schema.String }))
const readTrigger = KiteClient.json(Schema.Struct({ trigger_id: Schema.Int }))
const readTriggers = KiteClient.json(Schema.Array(Triggers.KiteTrigger))
const readPositions = KiteClient.json(Figures.KitePositions)

/** The agents of a client with connections of its own, closed with the scope. */
export const agents = ({ localAddress }: Pick<Account, "localAddress">, maxSockets: number = connectionsMax) =>
  Effect.acquireRelease(
    Effect.sync(() => FreshAgents.make({ maxSockets, ...(localAddress === undefined ? {} : { localAddress }) })),
    ({ httpAgent, httpsAgent }) =>
      Effect.sync(() => {
        httpAgent.destroy()
        httpsAgent.destroy()
      })
  )

/** Fields as the form of Kite's request has them, without those that are absent. */
const formOf = (fields: Readonly<Record<string, string | number | Money.Decimal | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Money.Decimal.isDecimal(value) ? Money.format(value) : String(value)]]
    )
  )

const placeForm = ({ kind: _kind, variety: _variety, ...rest }: Place, tag: string) => formOf({ ...rest, tag })

/** A trigger as Kite's client wants it: it repeats the instrument in each order, and its prices are numbers. */
const gttOf = ({ condition, orders, type }: Omit<typeof GttRequest.GttPlace.Type, "kind">) => ({
  trigger_type: type,
  exchange: condition.exchange,
  tradingsymbol: condition.tradingsymbol,
  trigger_values: condition.trigger_values.map((it) => it.toNumber()),
  last_price: condition.last_price.toNumber(),
  orders: orders.map((it) => ({ ...it, price: it.price.toNumber() }))
})

/** Kite's client adds the variety and the order's id to the form that it is given. Its types want numbers where a form has text. */
const request = (kite: KiteClient.Kite, it: OrderRequest, tag: string): Promise<unknown> => {
  switch (it.kind) {
    case "place":
      return kite.placeOrder(it.variety, placeForm(it, tag) as never)
    case "modify": {
      const { kind: _kind, order_id, variety, ...changes } = it
      return kite.modifyOrder(variety, order_id, formOf(changes) as never)
    }
    case "cancel":
      return kite.cancelOrder(it.variety, it.order_id)
    case "gtt_place":
      return kite.placeGTT(gttOf(it) as never)
    case "gtt_modify":
      return kite.modifyGTT(it.trigger_id, gttOf(it) as never)
    case "gtt_delete":
      return kite.deleteGTT(it.trigger_id)
  }
}

/** What a failure of the broker layer means for a request that was being sent. Only a refused connection proves that no byte was sent. */
const replyOf = (error: KiteError.KiteError): Outcome.Reply => {
  const { Answer, Lost, NotSent } = Outcome.Reply
  switch (error._tag) {
    case "KiteRefused":
      return Answer({ httpStatus: error.status, errorType: error.errorType, message: error.reason, orderId: null })
    case "SessionExpired":
    case "InvalidCredentials":
      return Answer({ httpStatus: error.status ?? 403, errorType: "TokenException", message: error.reason, orderId: null })
    case "RateLimited":
      return Answer({ httpStatus: error.status, errorType: null, message: error.reason, orderId: null })
    case "UnparsableResponse":
      return Answer({ httpStatus: error.status, errorType: null, message: error.problem, orderId: null })
    case "NoSlot":
    case "NoLocalAddress":
    case "HostNotResolved":
      return NotSent({ reason: error.message })
    case "KiteUnreachable":
      return error.code === "ECONNREFUSED" ? NotSent({ reason: error.message }) : Lost({ reason: error.message })
    case "KiteTimeout":
      return Lost({ reason: error.message })
  }
}

type Kind = OrderRequest["kind"]
const isGtt = (kind: Kind): boolean => kind.startsWith("gtt_")
/** The id that a successful answer names. */
const readId = (kind: Kind): KiteClient.Call<string>["read"] =>
  isGtt(kind)
    ? (answer) => Either.map(readTrigger(answer), ({ trigger_id }) => String(trigger_id))
    : (answer) => Either.map(readPlaced(answer), ({ order_id }) => order_id)

/** Today's orders in an answer, decoded row by row. */
const makeReadBook = (accountId: string) => {
  const read = BookRows.make(orderOf)
  const unparsable = (problem: string) =>
    new KiteError.UnparsableResponse({
      account: accountId,
      op: "orders",
      status: 200,
      contentType: "application/json",
      problem,
      excerpt: "(not kept)"
    })
  return (rows: ReadonlyArray<unknown>): Effect.Effect<ReadonlyArray<Order>, KiteError.UnparsableResponse> =>
    read(rows).pipe(
      Effect.mapError(unparsable),
      Effect.tapError((error) => Effect.logWarning(error.message))
    )
}

export type Sent = Outcome.Reply | { readonly _tag: "Fenced" }

/** Sends one account's orders by a client with connections of its own. It never retries, because each request may be an order. */
export const make = (session: KiteSession, client: KiteClient.KiteClient) => {
  const get = <A>(op: string, run: (kite: KiteClient.Kite) => Promise<unknown>, read: KiteClient.Call<A>["read"]) => {
    const once = (token: Parameters<typeof session.renew>[0]) => client.send({ op, token, run, read, family: "state" })
    return Effect.flatMap(session.token, (token) =>
      Effect.catchTag(once(token), "SessionExpired", () => Effect.flatMap(session.renew(token), once))
    )
  }
  const readBook = makeReadBook(client.account.accountId)
  let sending = 0
  const sent = (it: OrderRequest, tag: string, maySend: () => boolean): Effect.Effect<Sent> =>
    Effect.gen(function* () {
      const token = yield* Effect.either(session.token)
      if (Either.isLeft(token)) {
        // Without a token nothing was sent. The failure is final only if a person has to act.
        return token.left._tag === "InvalidCredentials" ? replyOf(token.left) : Outcome.Reply.NotSent({ reason: token.left.message })
      }
      let isFenced = false
      const run = (kite: KiteClient.Kite) => {
        isFenced = !maySend()
        return isFenced ? Promise.reject(new Error("fenced")) : request(kite, it, tag)
      }
      const answer = yield* Effect.either(
        // Kite counts requests about triggers with all others, and not with orders.
        client.send({
          op: `order_${it.kind}`,
          token: token.right,
          run,
          read: readId(it.kind),
          family: isGtt(it.kind) ? "state" : "order"
        })
      )
      if (isFenced) return { _tag: "Fenced" } as const
      return Either.match(answer, {
        onLeft: replyOf,
        onRight: (orderId) => Outcome.Reply.Answer({ httpStatus: 200, errorType: null, message: null, orderId })
      })
    })
  const send = (it: OrderRequest, tag: string, maySend: () => boolean): Effect.Effect<Sent> =>
    Effect.suspend(() => {
      sending++
      return Effect.ensuring(
        sent(it, tag, maySend),
        Effect.sync(() => {
          sending--
        })
      )
    })
  return {
    /** Whether a request is on its way. */
    isSending: (): boolean => sending > 0,
    /** Sends a request. `maySend` is called immediately before the request is written. */
    send,
    /** Today's orders of the account. */
    book: Effect.flatMap(
      get("orders", (kite) => kite.getOrders(), readRows),
      readBook
    ),
    /** Good-till-triggered orders, active ones and those of the last days. */
    triggers: get("gtts", (kite) => kite.getGTTs(), readTriggers),
    /** Net positions by instrument and product. */
    positions: Effect.map(
      get("positions", (kite) => kite.getPositions(), readPositions),
      ({ net }) => net
    ),
    /** Signs in again after the broker refused the token. */
    renew: Effect.flatMap(session.token, session.renew)
  } as const
}
export type Orders = ReturnType<typeof make>
