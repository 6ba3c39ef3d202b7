/** Kite's order interface, as kite.trade/docs/connect/v3/orders describes it, with the faults that a test sets. */
import * as Route from "../Route.ts"
import * as Sessions from "../Sessions.ts"
import type { Fault, Faults, Target } from "./Faults.ts"
import type { OrderDesk } from "./OrderDesk.ts"
import * as OrderForm from "./OrderForm.ts"

export interface Orders {
  readonly desk: OrderDesk
  readonly faults: Faults
  /** Runs something after a time. */
  readonly later: (afterMs: number, run: () => void) => void
  /** Ends a session's access token. */
  readonly expire: (session: Sessions.Session) => void
}

const placed = (id: string) => ({ order_id: id })

const tradesPath = /^\/orders\/([^/]+)\/trades$/
const changePath = /^\/orders\/([^/]+)\/([^/]+)$/
const onePath = /^\/orders\/([^/]+)$/

const timedOut: Route.Response = { status: 504, headers: { "content-type": "text/html" }, body: "<html>504 Gateway Time-out</html>" }

type CarryOut = () => Route.Response

/** The response to a request that meets this fault. */
const failed = (fault: Fault, carryOut: CarryOut, session: Sessions.Session, { expire, later }: Orders): Route.Response => {
  const carryOutIf = (isCarriedOut: boolean) => void (isCarriedOut && carryOut())
  switch (fault.kind) {
    case "lose":
      return Route.broken("close")
    case "drop_reply":
      carryOut()
      return Route.broken("close")
    case "late":
      later(fault.afterMs, carryOut)
      return Route.broken("close")
    case "slow":
      return { ...carryOut(), afterMs: fault.afterMs }
    case "hang":
    case "reset":
      carryOutIf(fault.isCarriedOut)
      return Route.broken(fault.kind)
    case "gateway_timeout":
      carryOutIf(fault.isCarriedOut)
      return timedOut
    case "network":
      carryOutIf(fault.isCarriedOut)
      return Route.refuse(fault.status, "NetworkException", "Something went wrong. Please try again.")
    case "too_many":
      return Route.refuse(429, "NetworkException", "Too many requests")
    case "token_expires":
      expire(session)
      return Route.failure(Sessions.tokenRefusal)
  }
}

/** Carries out a request. If a fault waits for requests of its kind, the fault decides. */
export type Faulty = (target: Target, session: Sessions.Session, carryOut: CarryOut) => Route.Response
export const makeFaulty =
  (orders: Orders): Faulty =>
  (target, session, carryOut) => {
    const fault = orders.faults.take(target, session.account.accountId)
    return fault === undefined ? carryOut() : failed(fault, carryOut, session, orders)
  }

/** The routes by path; undefined for any path that does not concern orders. */
export const make = (guard: Route.Guard, orders: Orders): ((path: string) => Route.Route | undefined) => {
  const { desk } = orders
  const faulty = makeFaulty(orders)
  const read = (answer: (account: Sessions.Account) => Route.Response): Route.Route => ({
    methods: ["GET"],
    answer: guard("other", (session) => faulty("read", session, () => answer(session.account)))
  })
  const varietyOf = (name: string) => OrderForm.varieties.find((one) => one === name)
  const unknownVariety = (name: string) => Route.refuse(400, "InputException", `The simulator has no orders of variety ${name}.`)

  const placeOrHistory = (name: string): Route.Route => ({
    methods: ["GET", "POST"],
    answer: guard("other", (session, _query, { body, method }) => {
      const { account } = session
      if (method === "GET") return faulty("read", session, () => Route.ofEither(desk.history(account, name)))
      const variety = varietyOf(name)
      if (variety === undefined) return unknownVariety(name)
      return faulty("change", session, () => Route.ofEither(desk.place(account, new URLSearchParams(body), variety), placed))
    })
  })
  const change = (variety: string, id: string): Route.Route => ({
    methods: ["PUT", "DELETE"],
    answer: guard("other", (session, _query, { body, method }) => {
      const { account } = session
      const carryOut = () => (method === "PUT" ? desk.modify(account, id, new URLSearchParams(body)) : desk.cancel(account, id))
      if (varietyOf(variety) === undefined) return unknownVariety(variety)
      return faulty("change", session, () => Route.ofEither(carryOut(), placed))
    })
  })

  return (path) => {
    if (path === "/orders") return read((account) => Route.success(desk.orders(account)))
    if (path === "/trades") return read((account) => Route.success(desk.trades(account)))
    const [, traded] = tradesPath.exec(path) ?? []
    if (traded !== undefined) return read((account) => Route.ofEither(desk.tradesOf(account, traded)))
    const [, variety, id] = changePath.exec(path) ?? []
    if (variety !== undefined && id !== undefined) return change(variety, id)
    const name = onePath.exec(path)?.[1]
    return name === undefined ? undefined : placeOrHistory(name)
  }
}
