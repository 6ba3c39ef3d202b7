import { Schema } from "effect"

/** What a user may do: a viewer reads; a trader also changes what belongs to him; an administrator also changes what concerns everybody. */
export const Role = Schema.Literal("viewer", "trader", "admin")
export type Role = typeof Role.Type

const ranks = { viewer: 0, trader: 1, admin: 2 } as const satisfies Record<Role, number>
export const isAtMost = (role: Role, max: Role): boolean => ranks[role] <= ranks[max]

/** The role that a token's claim names. Without a claim, or with an unknown name, the role is trader. */
export const roleOf = (claim: unknown): Role => (claim === "admin" || claim === "viewer" ? claim : "trader")

export type Verb = "read" | "write"
export interface Need {
  readonly group: string
  readonly verb: Verb
  /** The lowest role that may make the request. */
  readonly role: Role
}

/** Paths whose first part is not the name of their group. */
const groupNames: ReadonlyMap<string, string> = new Map([
  ["historical", "history"],
  ["backfills", "history"],
  ["marks", "labels"],
  ["timescale_marks", "labels"],
  ["corporate-actions", "calendar"],
  ["kill", "accounts"],
  ["ws", "ticks"]
])
/** Requests that compute something from what they send, and change nothing. */
const computations: ReadonlySet<string> = new Set([
  "/mcp",
  "/fo/payoff",
  "/fo/scenario",
  "/orders/charges",
  "/orders/margins",
  "/indicators/batch"
])
/** WebSockets whose subscriptions stay after the connection has ended. */
const writingSockets: ReadonlySet<string> = new Set(["/indicators/stream"])

/** Requests that concern everybody. `*` is any one part of a path. */
const ofAdministrators: Readonly<Record<string, ReadonlyArray<string>>> = {
  GET: ["/calendar/holidays/changes"],
  POST: ["/kill", "/kill/release", "/calendar/holidays", "/calendar/holidays/import", "/calendar/corporate-actions/import"],
  PUT: ["/settlements", "/calendar/holidays/*"],
  DELETE: ["/calendar/holidays/*", "/calendar/corporate-actions/*"]
}
const isOf = (path: string, pattern: string): boolean => {
  const parts = path.split("/")
  const wanted = pattern.split("/")
  return parts.length === wanted.length && wanted.every((part, at) => part === "*" || part === parts[at])
}
const isAdministrators = (method: string, path: string): boolean =>
  ofAdministrators[method]?.some((pattern) => isOf(path, pattern)) === true

/**
 * Paths that decide which orders are sent, so they belong to the group of orders whatever their first part: a key for strategies alone must
 * not lift a limit.
 */
const ofOrders = ["/strategies/*/limits", "/strategies/*/limits/release"]

const firstPart = (path: string): string => path.split("/", 2)[1] ?? ""

/** The group of a path, as scopes name it. */
export const groupOf = (path: string): string =>
  ofOrders.some((pattern) => isOf(path, pattern)) ? "orders" : (groupNames.get(firstPart(path)) ?? firstPart(path))

/** What a request needs. A WebSocket is a GET of its path. */
export const needOf = (method: string, path: string): Need => {
  const isRead = ((method === "GET" || method === "HEAD") && !writingSockets.has(path)) || computations.has(path)
  const role = isRead ? "viewer" : "trader"
  return { group: groupOf(path), verb: isRead ? "read" : "write", role: isAdministrators(method, path) ? "admin" : role }
}

const scope = /^(?:\*|[a-z]+(?:-[a-z]+)*):(?:read|write)$/
/**
 * `<group>:read` or `<group>:write`; `*` is every group. A write scope does not include reading, so a key that does both has both scopes.
 */
export const Scope = Schema.String.pipe(
  Schema.filter((text) => scope.test(text), {
    message: () => "expected <group>:read or <group>:write, such as strategies:read or *:read",
    jsonSchema: { type: "string", pattern: scope.source }
  })
)
export const scopeGroup = (text: string): string => text.split(":", 1)[0] ?? ""

/** Only a signed-in owner makes and ends keys. Otherwise a stolen key could make another one. */
const keysGroup = "api-keys"
/** The group in which the holder of any key may ask whose key it is. */
const openGroup = "auth"

export interface Holder {
  readonly role: Role
  /** Null for a user who is signed in. */
  readonly key: { readonly scopes: ReadonlyArray<string> } | null
}

/** The scopes that a key needs, none for the open group; undefined if no key may make the request. */
export const keyScopes = ({ group, verb }: Need): ReadonlyArray<string> | undefined => {
  if (group === keysGroup) return undefined
  return group === openGroup ? [] : [`${group}:${verb}`]
}

/** Why the holder may not make the request; undefined if it is allowed. */
export const refusalOf = ({ role, key }: Holder, { group, verb, role: least }: Need): string | undefined => {
  if (group === openGroup) return undefined
  if (!isAtMost(least, role)) return `needs the role ${least}`
  if (key === null) return undefined
  if (group === keysGroup) return "needs a sign-in: a key cannot manage keys"
  const isGranted = key.scopes.some((one) => one === `${group}:${verb}` || one === `*:${verb}`)
  return isGranted ? undefined : `needs the scope ${group}:${verb}`
}
