/** A broker under test: its address, the control of its faults, and the true list of its orders. */
import type * as Kite from "./Kite.ts"

/** A fault in the form that the simulator's admin port takes. */
export type Fault = Readonly<Record<string, unknown>>
export type Target = "change" | "read"

/** An order that the broker has. */
export interface Real {
  readonly order_id: string
  readonly tag: string | null
}

export interface Control {
  /** Adds faults for the next requests of one account that change orders, or that read them. */
  readonly add: (accountId: string, target: Target, faults: ReadonlyArray<Fault>) => Promise<unknown>
  /** Removes the faults that wait for one account. */
  readonly clearOf: (accountId: string) => Promise<unknown>
  /** Removes all faults and the lag of the order book. */
  readonly clear: () => Promise<unknown>
  /** Sets random faults of requests that change orders. `share` is the share that fails, 0 to 1. */
  readonly scatter: (scatter: { readonly seed: number; readonly share: number; readonly among: ReadonlyArray<Fault> }) => Promise<unknown>
  /** Hides new orders from the order book for this long. */
  readonly lag: (lagMs: number) => Promise<unknown>
  /** How often each kind of fault has happened. */
  readonly applied: () => Promise<Readonly<Record<string, number>>>
  /** All orders, including those that the order book does not show yet. */
  readonly orders: () => Promise<ReadonlyArray<Real>>
}

export interface Broker {
  /** Where executors send their requests. */
  readonly root: string
  /** Each works on one case at a time. */
  readonly accounts: ReadonlyArray<Kite.Account>
  readonly control: Control
}

/** The control of a broker that has the simulator's admin port. */
export const byAdmin = (admin: string): Control => {
  const ask = async <A>(method: string, path: string, body?: object): Promise<A> => {
    const response = await fetch(`${admin}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const { data, message } = (await response.json()) as { readonly data: A; readonly message?: string }
    if (!response.ok) throw new Error(`${method} ${path} of the admin port: ${response.status} ${message}`)
    return data
  }
  return {
    add: (accountId, target, faults) => ask("POST", "/faults", { account_id: accountId, target, faults }),
    clearOf: (accountId) => ask("POST", "/faults/clear", { account_id: accountId }),
    clear: () => ask("DELETE", "/faults"),
    scatter: (scatter) => ask("PUT", "/faults/scatter", scatter),
    lag: (lagMs) => ask("PUT", "/lag", { lag_ms: lagMs }),
    applied: async () => (await ask<{ readonly applied: Readonly<Record<string, number>> }>("GET", "/faults")).applied,
    orders: () => ask("GET", "/orders")
  }
}
