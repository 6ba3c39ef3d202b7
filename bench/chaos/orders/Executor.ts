/**
 * A process that places orders and can be killed at any step. `protocol` runs the decider of production over a journal; `naive` does what
 * many programs do: it sends again when no answer comes, and saves the key only afterwards.
 */
import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import * as Outcome from "../../../src/domain/orders/Outcome.ts"
import * as Tag from "../../../src/domain/orders/Tag.ts"
import * as Task from "../../../src/domain/orders/Task.ts"
import * as Journal from "./Journal.ts"
import * as Kite from "./Kite.ts"

/** Where a process can die, in the order of one placement. */
export const steps = ["task saved", "attempt saved", "request written", "answer received", "book read", "result saved"] as const
export type Step = (typeof steps)[number]

export interface Order {
  readonly key: string
  readonly terms: Kite.Terms
  readonly unknown: Task.Intent["unknown"]
}

export interface Options {
  readonly mode: "protocol" | "naive"
  readonly root: string
  readonly account: Kite.Account
  readonly journal: string
  readonly orders: ReadonlyArray<Order>
  /** Orders in flight at once. */
  readonly lanes: number
  readonly killAt: Step | null
  /** The process is killed `ms` after it has passed `steps` steps, over all orders. */
  readonly killAfter: { readonly steps: number; readonly ms: number } | null
  readonly policy: OrderDecider.Policy
}

/** The journal's entry of an order. */
export interface Entry {
  readonly status: Task.Status
  readonly orderId: string | null
  readonly task: Task.Task | null
  readonly epoch: number
}

export const tagOf = ({ accountId }: Kite.Account, key: string): string =>
  Tag.of((text) => createHash("sha256").update(text).digest(), accountId, key)

const deadlineMs = 600_000

/** A reading of the order book that began at `startedAtMs`. */
interface Book {
  readonly startedAtMs: number
  readonly idOf: ReadonlyMap<string, string>
}

interface Process extends Options {
  readonly entries: Journal.Journal<Entry>
  readonly epoch: number
  authorization: string
  /** The present reading, or the last one. */
  reading: Promise<unknown>
  /** The reading that begins when that one has ended. */
  nextReading: Promise<Book> | null
}

const kill = (): void => void process.kill(process.pid, "SIGKILL")
let passed = 0

/** Kills the process if it is to die at this step. */
const point = ({ killAfter, killAt }: Options, step: Step): void => {
  if (killAt === step) kill()
  if (killAfter !== null && ++passed === killAfter.steps) setTimeout(kill, killAfter.ms)
}

const send = async (of: Process, { key, terms }: Order): Promise<Outcome.Reply> => {
  const { account, authorization, policy, root } = of
  const written = () => point(of, "request written")
  const reply = await Kite.place(root, authorization, terms, tagOf(account, key), policy.answerMsMax, written)
  point(of, "answer received")
  return reply
}

/** A book of thousands of orders takes longer than the answer to an order. */
const bookMsMax = 5_000

/** Reads the order book until it can be read. */
const readBook = async (of: Process): Promise<Book> => {
  const { account, policy, root } = of
  while (true) {
    const startedAtMs = Date.now()
    const idOf = await Kite.readBook(root, of.authorization, bookMsMax)
    if (idOf !== "failed" && idOf !== "expired") return { startedAtMs, idOf }
    if (idOf === "expired") of.authorization = await Kite.login(root, account)
    await sleep(policy.readEveryMs)
  }
}

/** A reading that begins from now on. Lanes that ask at the same time share it, as the platform's tasks do. */
const bookSinceNow = (of: Process): Promise<Book> => {
  of.nextReading ??= of.reading.then(() => {
    const reading = readBook(of)
    of.reading = reading
    of.nextReading = null
    return reading
  })
  return of.nextReading
}

const nextInput = async (of: Process, order: Order, output: OrderDecider.Output): Promise<OrderDecider.Input> => {
  const { epoch, policy } = of
  const waitUntil = (atMs: number) => sleep(Math.max(0, atMs - Date.now()))
  if (output._tag === "Send") {
    point(of, "attempt saved")
    const { attempt } = output
    const startedAtMs = of.entries.newest.get(order.key)?.task?.attempts.at(-1)?.startedAtMs ?? 0
    if (!OrderDecider.maySend(policy, startedAtMs, Date.now())) return OrderDecider.Input.Fenced({ nowMs: Date.now(), epoch, attempt })
    const outcome = Outcome.of(await send(of, order), "place")
    return OrderDecider.Input.Answered({ nowMs: Date.now(), epoch, attempt, outcome, jitter: 0 })
  }
  if (output._tag === "ReadBook") {
    await waitUntil(output.atMs)
    const { idOf, startedAtMs } = await bookSinceNow(of)
    const orderId = idOf.get(tagOf(of.account, order.key)) ?? null
    point(of, "book read")
    return OrderDecider.Input.BookRead({ nowMs: Date.now(), epoch, startedAtMs, orderId })
  }
  if (output._tag === "WakeAt") await waitUntil(output.atMs)
  return OrderDecider.Input.Wake({ nowMs: Date.now(), epoch, blockedUntilMs: null })
}

const acts = (output: OrderDecider.Output): boolean => output._tag === "Send" || output._tag === "ReadBook" || output._tag === "WakeAt"

const protocol = async (of: Process, order: Order): Promise<void> => {
  const { entries, epoch, policy } = of
  const decide = OrderDecider.decide(policy)
  const save = (task: Task.Task) => entries.write(order.key, { status: task.status, orderId: task.orderId, task, epoch })
  const earlier = entries.newest.get(order.key)?.task
  if (earlier != null && Task.hasEnded(earlier)) return
  const intent: Task.Intent = { kind: "place", isLimit: true, unknown: order.unknown, deadlineAtMs: Date.now() + deadlineMs }
  let task = earlier ?? Task.make(intent)
  save(task)
  point(of, "task saved")
  let input: OrderDecider.Input = OrderDecider.Input.Wake({ nowMs: Date.now(), epoch, blockedUntilMs: null })
  while (!Task.hasEnded(task)) {
    const [next, outputs] = decide(task, input)
    task = next
    save(task)
    const output = outputs.find(acts)
    if (output !== undefined) input = await nextInput(of, order, output)
  }
  point(of, "result saved")
}

const triesMax = 3
const naive = async (of: Process, order: Order): Promise<void> => {
  const { entries, epoch } = of
  const save = (status: Task.Status, orderId: string | null) => {
    entries.write(order.key, { status, orderId, task: null, epoch })
    point(of, "result saved")
  }
  if (entries.newest.has(order.key)) return
  for (let attempt = 0; attempt < triesMax; attempt++) {
    const outcome = Outcome.of(await send(of, order), "place")
    if (outcome._tag === "Done") return save("COMPLETED", outcome.orderId)
    if (outcome._tag === "Refused" && !outcome.isTransient) return save("DEAD_LETTER", null)
  }
  save("DEAD_LETTER", null)
}

/** Places all orders. Tasks in the journal continue from their saved state. */
export const main = async (options: Options): Promise<void> => {
  const entries = Journal.open<Entry>(options.journal)
  const epoch = 1 + Math.max(0, ...[...entries.newest.values()].map((entry) => entry.epoch))
  const authorization = await Kite.login(options.root, options.account)
  const of: Process = { ...options, entries, epoch, authorization, reading: Promise.resolve(), nextReading: null }
  const place = options.mode === "protocol" ? protocol : naive
  const waiting = options.orders.values()
  const lane = async () => {
    for (const order of waiting) await place(of, order)
  }
  await Promise.all(Array.from({ length: options.lanes }, lane))
  entries.close()
}
