/** Good-till-triggered orders, as kite.trade/docs/connect/v3/gtt describes them. */
import * as Route from "../Route.ts"
import type { GttDesk } from "./GttDesk.ts"
import type { Faulty } from "./OrderRoutes.ts"

const onePath = /^\/gtt\/triggers\/([^/]+)$/

const triggerId = (id: number) => ({ trigger_id: id })

/** The routes by path; undefined for any path that does not concern triggers. */
export const make = (guard: Route.Guard, desk: GttDesk, faulty: Faulty): ((path: string) => Route.Route | undefined) => {
  const all: Route.Route = {
    methods: ["GET", "POST"],
    answer: guard("other", (session, _query, { body, method }) =>
      method === "GET"
        ? Route.success(desk.all(session.account))
        : faulty("change", session, () => Route.ofEither(desk.place(session.account, new URLSearchParams(body)), triggerId))
    )
  }
  const one = (id: string): Route.Route => ({
    methods: ["GET", "PUT", "DELETE"],
    answer: guard("other", (session, _query, { body, method }) => {
      const { account } = session
      if (method === "GET") return Route.ofEither(desk.one(account, id))
      const change = () => (method === "PUT" ? desk.modify(account, id, new URLSearchParams(body)) : desk.delete(account, id))
      return faulty("change", session, () => Route.ofEither(change(), triggerId))
    })
  })
  return (path) => {
    if (path === "/gtt/triggers") return all
    const id = onePath.exec(path)?.[1]
    return id === undefined ? undefined : one(id)
  }
}
