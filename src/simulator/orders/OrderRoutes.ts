/** Kite's order interface, as kite.trade/docs/connect/v3/orders describes it, with the faults that a test asks for. */
import { Either } from "effect"
import * as Route from "../Route.ts"
import type * as Sessions from "../Sessions.ts"
import type { Faults } from "./Faults.ts"
import type { OrderDesk } from "./OrderDesk.ts"

export interface Orders {
  readonly desk: OrderDesk
  readonly faults: Faults
  /** Runs something after a time. */
  readonly later: (afterMs: number, run: () => void) => void
}

const answerOf = <A>(read: Either.Either<A, Sessions.Refusal>, data: (value: A) => unknown): Route.Response =>
  Either.match(read, { onLeft: Route.failure, onRight: (value) => Route.success(data(value)) })

const same = <A>(value: A): A => value
const placed = (id: string) => ({ order_id: id })

const tradesPath = /^\/orders\/([^/]+)\/trades$/
const changePath = /^\/orders\/([^/]+)\/([^/]+)$/
const onePath = /^\/orders\/([^/]+)$/

const timedOut: Route.Response = { status: 504, headers: { "content-type": "text/html" }, body: "<html>504 Gateway Time-out</html>" }

/** The routes by path; undefined for a path that is no order's. */
export const make = (guard: Route.Guard, { desk, faults, later }: Orders): ((path: string) => Route.Route | undefined) => {
  /** Carries out a request that changes orders, unless the next fault says otherwise. */
  const faulty = (carryOut: () => Route.Response): Route.Response => {
    const fault = faults.take()
    switch (fault?.kind) {
      case undefined:
        return carryOut()
      case "lose":
        return Route.broken
      case "drop_reply":
        carryOut()
        return Route.broken
      case "late":
        later(fault.afterMs, carryOut)
        return Route.broken
      case "gateway_timeout":
        if (fault.isCarriedOut) carryOut()
        return timedOut
      case "too_many":
        return Route.refuse(429, "NetworkException", "Too many requests")
    }
  }
  const read = (answer: (account: Sessions.Account) => Route.Response): Route.Route => ({
    methods: ["GET"],
    answer: guard("other", ({ account }) => answer(account))
  })
  const isRegular = (variety: string): Route.Response | null =>
    variety === "regular" ? null : Route.refuse(400, "InputException", `The simulator has no orders of variety ${variety}.`)

  const placeOrHistory = (name: string): Route.Route => ({
    methods: ["GET", "POST"],
    answer: guard("other", ({ account }, _query, { body, method }) => {
      if (method === "GET") return answerOf(desk.history(account, name), same)
      return isRegular(name) ?? faulty(() => answerOf(desk.place(account, new URLSearchParams(body)), placed))
    })
  })
  const change = (variety: string, id: string): Route.Route => ({
    methods: ["PUT", "DELETE"],
    answer: guard("other", ({ account }, _query, { body, method }) => {
      const carryOut = () => (method === "PUT" ? desk.modify(account, id, new URLSearchParams(body)) : desk.cancel(account, id))
      return isRegular(variety) ?? faulty(() => answerOf(carryOut(), placed))
    })
  })

  return (path) => {
    if (path === "/orders") return read((account) => Route.success(desk.orders(account)))
    if (path === "/trades") return read((account) => Route.success(desk.trades(account)))
    const [, traded] = tradesPath.exec(path) ?? []
    if (traded !== undefined) return read((account) => answerOf(desk.tradesOf(account, traded), same))
    const [, variety, id] = changePath.exec(path) ?? []
    if (variety !== undefined && id !== undefined) return change(variety, id)
    const name = onePath.exec(path)?.[1]
    return name === undefined ? undefined : placeOrHistory(name)
  }
}
