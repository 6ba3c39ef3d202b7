/** Good-till-triggered orders, as kite.trade/docs/connect/v3/gtt describes them. */
import { Either } from "effect"
import * as Route from "../Route.ts"
import type * as Sessions from "../Sessions.ts"
import type { GttDesk } from "./GttDesk.ts"
import type { Faulty } from "./OrderRoutes.ts"

const onePath = /^\/gtt\/triggers\/([^/]+)$/

const answerOf = <A>(read: Either.Either<A, Sessions.Refusal>, data: (value: A) => unknown): Route.Response =>
  Either.match(read, { onLeft: Route.failure, onRight: (value) => Route.success(data(value)) })
const triggerId = (id: number) => ({ trigger_id: id })

/** The routes by path; undefined for any path that does not concern triggers. */
export const make = (guard: Route.Guard, desk: GttDesk, faulty: Faulty): ((path: string) => Route.Route | undefined) => {
  const all: Route.Route = {
    methods: ["GET", "POST"],
    answer: guard("other", (session, _query, { body, method }) =>
      method === "GET"
        ? Route.success(desk.all(session.account))
        : faulty("change", session, () => answerOf(desk.place(session.account, new URLSearchParams(body)), triggerId))
    )
  }
  const one = (id: string): Route.Route => ({
    methods: ["GET", "PUT", "DELETE"],
    answer: guard("other", (session, _query, { body, method }) => {
      const { account } = session
      if (method === "GET") return answerOf(desk.one(account, id), (found) => found)
      const change = () => (method === "PUT" ? desk.modify(account, id, new URLSearchParams(body)) : desk.delete(account, id))
      return faulty("change", session, () => answerOf(change(), triggerId))
    })
  })
  return (path) => {
    if (path === "/gtt/triggers") return all
    const id = onePath.exec(path)?.[1]
    return id === undefined ? undefined : one(id)
  }
}
