import { createHash } from "node:crypto"
import * as Tag from "../../domain/orders/Tag.ts"

const sha256 = (text: string): Uint8Array => createHash("sha256").update(text).digest()

/** The tag contains the owner, because two users of one account may choose the same key, and each must get a separate order. */
export const tagOf = (accountId: string, owner: string, key: string): string => Tag.of(sha256, accountId, JSON.stringify([owner, key]))

/** Equal for equal requests. */
export const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex")

/**
 * The keys of the tasks that one request makes. The first has the request's own key, so that no other request gets it. The others' keys have a
 * character that no caller can send.
 */
export const partKey = (key: string, at: number): string => (at === 0 ? key : `${key} › ${at}`)

/** The owner of cancellations that a stop makes. */
export const stopOwner = "kill_switch"
/** The keys of a stop's cancellations begin with this text, and end with the order's id. */
export const stopKeys = (stoppedAtMs: number): string => `kill ${stoppedAtMs} `

/** The keys of the tasks that undo the order of another task. They have a character that no caller can send. */
export const undoKey = (taskId: number, what: "cancel" | "close"): string => `undo › ${taskId} › ${what}`

/** The keys of the tasks that a stop of a strategy or an account makes begin with this text. They have a character that no caller can send. */
const squareOffKeys = "stop › "
/** The owner of the tasks that a stop of an account makes. */
export const accountStopOwner = "account_stop"
/** The name of an account's stop in the keys of its tasks. For a strategy's stop it is the stop's number. */
export const accountStopId = (stopId: number): string => `account ${stopId}`

/** The key of a task that closes a part of a position, in one round of such tasks. */
export const squareOffKey = (stopId: number | string, round: number, at: number): string => `${squareOffKeys}${stopId} › ${round} › ${at}`
/** The key of a task that cancels an open order of a stopped strategy or account. */
export const stopCancelKey = (stopId: number | string, orderId: string): string => `${squareOffKeys}${stopId} › cancel › ${orderId}`
/** Whether a task was made by a stop of a strategy or an account. */
export const isOfStop = (key: string): boolean => key.startsWith(squareOffKeys)
/** Whether a task was made by a stop of an account. */
export const isOfAccountStop = (key: string): boolean => key.startsWith(`${squareOffKeys}account `)
/** The keys of all tasks that this stop makes begin with this text. */
export const keysOfStop = (stopId: number | string): string => `${squareOffKeys}${stopId} › `
/** Whether a task was made by this stop. */
export const isOfThisStop = (key: string, stopId: number | string): boolean => key.startsWith(keysOfStop(stopId))

/** A stop of a strategy or an account. */
export interface Stop {
  readonly scope: "strategy" | "account"
  readonly stopId: number
}
/** The stop that made a task; null for any other task. */
export const stopOf = (key: string): Stop | null => {
  if (!isOfStop(key)) return null
  const [, scope, stopId] = /^(account )?(\d+) › /.exec(key.slice(squareOffKeys.length)) ?? []
  return stopId === undefined ? null : { scope: scope === undefined ? "strategy" : "account", stopId: Number(stopId) }
}
