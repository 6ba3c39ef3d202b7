/** What can go wrong with one order: kills and faults, alone and in pairs. */
import type { Fault } from "../../../src/simulator/orders/Faults.ts"
import { type Step, steps } from "./Executor.ts"

/** A fault as the simulator's admin port takes it. */
export interface Wrong {
  readonly name: string
  readonly target: "change" | "read"
  readonly fault: Readonly<Record<string, unknown>> & { readonly kind: Fault["kind"] }
}

/** Shorter than the horizon minus the lag of the order book. */
export const lateMs = 500

const change = (name: string, kind: Fault["kind"], more: object = {}): Wrong => ({ name, target: "change", fault: { kind, ...more } })
const read = (name: string, kind: Fault["kind"], more: object = {}): Wrong => ({ name, target: "read", fault: { kind, ...more } })

export const wrongs: ReadonlyArray<Wrong> = [
  change("accepted, reply dropped", "drop_reply"),
  change("request lost", "lose"),
  change("accepted late", "late", { after_ms: lateMs }),
  change("accepted, no reply", "hang", { is_carried_out: true }),
  change("ignored, no reply", "hang", { is_carried_out: false }),
  change("accepted, reset", "reset", { is_carried_out: true }),
  change("reset", "reset", { is_carried_out: false }),
  change("accepted, 504", "gateway_timeout", { is_carried_out: true }),
  change("504", "gateway_timeout", { is_carried_out: false }),
  change("accepted, 502", "network", { status: 502, is_carried_out: true }),
  change("503", "network", { status: 503, is_carried_out: false }),
  change("429", "too_many"),
  change("token expires", "token_expires"),
  read("order book 503", "network", { status: 503, is_carried_out: false }),
  read("order book without reply", "hang", { is_carried_out: false })
]

export interface Case {
  readonly number: number
  readonly unknown: "park" | "resend"
  /** The process is killed at each of these steps in turn, and started again. */
  readonly kills: ReadonlyArray<Step>
  readonly wrongs: ReadonlyArray<Wrong>
}

export const nameOf = ({ kills, unknown, wrongs }: Case): string =>
  [...kills.map((step) => `kill after: ${step}`), ...wrongs.map(({ name }) => name), unknown].join(" · ")

type Trouble = Pick<Case, "kills" | "wrongs">

const alone: ReadonlyArray<Trouble> = [
  ...steps.map((step) => ({ kills: [step], wrongs: [] })),
  ...wrongs.map((wrong) => ({ kills: [], wrongs: [wrong] }))
]
const killAndWrong: ReadonlyArray<Trouble> = steps.flatMap((step) => wrongs.map((wrong) => ({ kills: [step], wrongs: [wrong] })))
const pairs: ReadonlyArray<Trouble> = [
  ...killAndWrong,
  ...steps.flatMap((one) => steps.map((other) => ({ kills: [one, other], wrongs: [] }))),
  ...wrongs.flatMap((one, at) => wrongs.slice(at).map((other) => ({ kills: [], wrongs: [one, other] })))
]

type Part = readonly [unknown: Case["unknown"], troubles: ReadonlyArray<Trouble>]
const numbered = (...parts: ReadonlyArray<Part>): ReadonlyArray<Case> =>
  parts.flatMap(([unknown, troubles]) => troubles.map((trouble) => ({ ...trouble, unknown }))).map((one, number) => ({ ...one, number }))

/** All kills and faults alone and in pairs. With `resend`, each alone and each kill with each fault. */
export const all = numbered(["park", [...alone, ...pairs]], ["resend", [...alone, ...killAndWrong]])

/** Each kill and each fault alone, and each kill with the most harmful fault. */
export const short = numbered([
  "park",
  [...alone, ...killAndWrong.filter(({ wrongs: [wrong] }) => wrong?.name === "accepted, reply dropped")]
])

export const isAlone = ({ kills, wrongs: { length } }: Case): boolean => kills.length + length === 1
