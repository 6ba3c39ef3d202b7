import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import * as Outcome from "../../../src/domain/orders/Outcome.ts"
import * as Task from "../../../src/domain/orders/Task.ts"

/** One tick of the model's time. */
export const tickMs = 1_000

/** What an owner is doing between two saves. It may stop there for any number of ticks (a freeze), or for ever (a crash). */
type Hand =
  | { readonly at: "idle" }
  | { readonly at: "sending"; readonly attempt: number; readonly startedAt: number }
  | { readonly at: "waiting"; readonly attempt: number; readonly sentAt: number; readonly reply: Outcome.Outcome | null }
  /** It has read a book without the order. */
  | { readonly at: "reading"; readonly startedAt: number }

interface Owner {
  readonly epoch: number
  readonly hand: Hand
}
interface Request {
  readonly epoch: number
  readonly attempt: number
  readonly sentAt: number
}
interface Order {
  readonly id: string
  readonly visibleAt: number
}

interface World {
  readonly now: number
  readonly task: Task.Task
  readonly owners: ReadonlyArray<Owner>
  /** Requests on their way, which are neither accepted nor lost yet. */
  readonly requests: ReadonlyArray<Request>
  /** All orders that the broker ever accepted under the task's tag. */
  readonly orders: ReadonlyArray<Order>
  readonly epochs: number
  readonly takeovers: number
  readonly crashes: number
  readonly faults: number
  readonly cancels: number
}

export interface Bounds {
  readonly ticks: number
  /** Owners that take the account over, while the one before may still run. */
  readonly takeovers: number
  readonly crashes: number
  readonly faults: number
  readonly cancels: number
  /** Whether a rule may refuse the request at any time. */
  readonly isRefused: boolean
  /** Ticks after its send within which the broker accepts a request, or never. */
  readonly acceptTicks: number
  /** Ticks until the order book shows an accepted order. A shorter lag shows it in more readings, so the longest is the worst. */
  readonly lagTicks: number
}

export interface Setting {
  readonly policy: OrderDecider.Policy
  readonly intent: Task.Intent
  readonly bounds: Bounds
  /** Replaces the decider, to show that the model finds errors. */
  readonly decide?: (task: Task.Task, input: OrderDecider.Input) => ReturnType<ReturnType<typeof OrderDecider.decide>>
}

export interface Explored {
  readonly states: number
  /** The steps to the first state that violates the invariant; null if no state does. */
  readonly violation: { readonly rule: string; readonly steps: ReadonlyArray<string> } | null
  readonly ends: ReadonlyMap<Task.Status, number>
}

const idle: Hand = { at: "idle" }
const lost = Outcome.Outcome.Unknown({ httpStatus: null, errorType: "lost", message: null })
const refused = (httpStatus: number) =>
  Outcome.Outcome.Refused({ isTransient: httpStatus === 429, httpStatus, errorType: "OrderException", message: null })

/** The invariant of every state. */
const broken = ({ orders, task }: World): string | null => {
  if (orders.length > 1) return "two live orders of one key"
  if (task.status === "COMPLETED" && orders[0]?.id !== task.orderId) return "COMPLETED without its order"
  if ((task.status === "DEAD_LETTER" || task.status === "CANCELLED") && orders.length > 0) return `an order, though ${task.status}`
  return null
}

const replyKey = (reply: Outcome.Outcome | null): string =>
  reply === null ? "" : reply._tag === "Refused" ? `refused ${reply.httpStatus}` : reply._tag
const keyOf = ({ task, ...world }: World): string => {
  const attempts = task.attempts.map(({ outcome, startedAtMs }) => `${startedAtMs / tickMs}${outcome ?? "?"}`).join()
  const hands = world.owners.map(({ epoch, hand }) => {
    const place =
      hand.at === "idle" ? "" : hand.at === "waiting" ? `${hand.attempt},${hand.sentAt},${replyKey(hand.reply)}` : hand.startedAt
    return `${epoch}${hand.at}${place}`
  })
  const requests = world.requests.map(({ attempt, epoch, sentAt }) => `${epoch}/${attempt}/${sentAt}`)
  const orders = world.orders.map(({ visibleAt }) => visibleAt)
  const bounds = [world.now, world.takeovers, world.crashes, world.faults, world.cancels]
  return [bounds, hands, requests, orders, task.status, task.epoch, task.dueAtMs, attempts].join("|")
}

const isPastHorizon = ({ policy }: Setting, { now, task }: World): boolean => {
  const last = task.attempts.at(-1)
  return task.status === "RUNNING" && last?.outcome === "unknown" && now * tickMs > last.startedAtMs + policy.horizonMs
}

type Step = readonly [name: string, world: World]

/** All states that one step leads to. */
const next = (setting: Setting, world: World): ReadonlyArray<Step> => {
  const { bounds, policy } = setting
  const { now, owners, orders, requests } = world
  const nowMs = now * tickMs
  const decide = setting.decide ?? OrderDecider.decide(policy)
  const steps: Array<Step> = []

  const withHand = (epoch: number, hand: Hand): ReadonlyArray<Owner> => owners.map((it) => (it.epoch === epoch ? { epoch, hand } : it))
  /** One transaction: read the task, decide, save. It fails for an owner whose epoch is older than the task's. */
  const save = (name: string, epoch: number, input: OrderDecider.Input) => {
    const [task, outputs] = decide(world.task, input)
    const isFenced = world.task.epoch > epoch
    const sent = isFenced ? undefined : outputs.find((it) => it._tag === "Send")
    const hand: Hand = sent === undefined ? idle : { at: "sending", attempt: sent.attempt, startedAt: now }
    steps.push([`${name} by owner ${epoch}`, { ...world, task: isFenced ? world.task : task, owners: withHand(epoch, hand) }])
  }

  const ownerSteps = ({ epoch, hand }: Owner) => {
    const input = { nowMs, epoch }
    switch (hand.at) {
      case "idle": {
        save("wake", epoch, OrderDecider.Input.Wake({ ...input, blockedUntilMs: null }))
        // The decider must accept a refusal only before an attempt.
        if (bounds.isRefused)
          save("decline", epoch, OrderDecider.Input.Declined({ ...input, failure: { type: "kill_switch", message: "" } }))
        const shown = orders.find(({ visibleAt }) => visibleAt <= now)?.id
        // An order stays in the book, so that it does not matter when such a reading is used.
        if (shown !== undefined && (world.task.status === "RUNNING" || world.task.status === "UNKNOWN"))
          save("book shows it", epoch, OrderDecider.Input.BookRead({ ...input, startedAtMs: nowMs, orderId: shown }))
        // A reading that began before the horizon has no effect now or later, because every later attempt has a later horizon.
        else if (isPastHorizon(setting, world))
          steps.push([`read book by owner ${epoch}`, { ...world, owners: withHand(epoch, { at: "reading", startedAt: now }) }])
        return
      }
      case "sending": {
        const { attempt, startedAt } = hand
        if (!OrderDecider.maySend(policy, startedAt * tickMs, nowMs))
          return save("fence", epoch, OrderDecider.Input.Fenced({ ...input, attempt }))
        const waiting = withHand(epoch, { at: "waiting", attempt, sentAt: now, reply: null })
        steps.push([`send by owner ${epoch}`, { ...world, owners: waiting, requests: [...requests, { epoch, attempt, sentAt: now }] }])
        return
      }
      case "waiting": {
        const isLate = (now - hand.sentAt) * tickMs >= policy.answerMsMax
        const outcome = hand.reply ?? (isLate ? lost : null)
        if (outcome !== null)
          save(`answer ${outcome._tag}`, epoch, OrderDecider.Input.Answered({ ...input, attempt: hand.attempt, outcome, jitter: 1 }))
        return
      }
      case "reading":
        return save("use book", epoch, OrderDecider.Input.BookRead({ ...input, startedAtMs: hand.startedAt * tickMs, orderId: null }))
    }
  }

  const brokerSteps = (request: Request) => {
    const left = requests.filter((it) => it !== request)
    const replied = (reply: Outcome.Outcome | null): ReadonlyArray<Owner> =>
      owners.map((it) =>
        it.epoch === request.epoch && it.hand.at === "waiting" && it.hand.attempt === request.attempt
          ? { ...it, hand: { ...it.hand, reply } }
          : it
      )
    const accept = (name: string, reply: Outcome.Outcome | null, faults: number) => {
      const id = `order ${orders.length + 1}`
      const done = reply?._tag === "Done" ? Outcome.Outcome.Done({ orderId: id }) : reply
      const accepted = [...orders, { id, visibleAt: now + bounds.lagTicks }]
      steps.push([name, { ...world, requests: left, orders: accepted, owners: replied(done), faults }])
    }
    const done = Outcome.Outcome.Done({ orderId: "" })
    accept("broker accepts", done, world.faults)
    if (world.faults === 0) return
    accept("broker accepts, reply lost", null, world.faults - 1)
    accept("broker accepts, answers 504", lost, world.faults - 1)
    for (const [name, reply] of [
      ["request lost", null],
      ["reset before acceptance", lost],
      ["answers 429", refused(429)],
      ["answers 400", refused(400)]
    ] as const)
      steps.push([name, { ...world, requests: left, owners: replied(reply), faults: world.faults - 1 }])
  }

  if (Task.hasEnded(world.task) && owners.length === 0 && requests.length === 0) return []
  if (now < bounds.ticks && requests.every(({ sentAt }) => now - sentAt < bounds.acceptTicks))
    steps.push(["tick", { ...world, now: now + 1 }])
  for (const owner of owners) {
    ownerSteps(owner)
    if (world.crashes > 0)
      steps.push([`crash of owner ${owner.epoch}`, { ...world, crashes: world.crashes - 1, owners: owners.filter((it) => it !== owner) }])
  }
  for (const request of requests) brokerSteps(request)
  if (world.takeovers > 0) {
    const epoch = world.epochs + 1
    steps.push([
      `owner ${epoch} takes over`,
      { ...world, epochs: epoch, takeovers: world.takeovers - 1, owners: [...owners, { epoch, hand: idle }] }
    ])
  }
  if (world.cancels > 0) {
    const [task] = decide(world.task, OrderDecider.Input.Cancel({ nowMs }))
    steps.push(["user cancels", { ...world, cancels: 0, task }])
  }
  return steps
}

/** Leaves out what can no longer change anything: superseded owners that send nothing, and all budgets once only requests are on their way. */
const reduced = (world: World): World => {
  const hasEnded = Task.hasEnded(world.task)
  const owners = world.owners.filter(({ epoch, hand }) => hand.at === "sending" || (!hasEnded && epoch >= world.task.epoch))
  if (!hasEnded || owners.length > 0) return { ...world, owners }
  return { ...world, owners, crashes: 0, cancels: 0, takeovers: 0 }
}

/** A search that needs more memory than this is a mistake in its bounds. */
const statesMax = 400_000

/** Visits every state that the bounds allow, breadth first, until one violates the invariant. */
export const explore = (setting: Setting): Explored => {
  const { cancels, crashes, faults, takeovers } = setting.bounds
  const task = Task.make(setting.intent)
  const budgets = { takeovers, crashes, faults, cancels }
  const first: World = { now: 0, task, owners: [{ epoch: 1, hand: idle }], requests: [], orders: [], epochs: 1, ...budgets }
  const seen = new Set([keyOf(first)])
  const ends = new Map<Task.Status, number>()
  let level: ReadonlyArray<Visit> = [{ world: first, step: "start", from: null }]
  while (level.length > 0) {
    const found: Array<Visit> = []
    for (const visit of level) {
      const { status } = visit.world.task
      if (Task.hasEnded(visit.world.task)) ends.set(status, (ends.get(status) ?? 0) + 1)
      for (const [step, after] of next(setting, visit.world)) {
        const world = reduced(after)
        const key = keyOf(world)
        if (seen.has(key)) continue
        if (seen.size >= statesMax) throw new RangeError(`more than ${statesMax} states: narrow the bounds`)
        seen.add(key)
        const reached = { world, step, from: visit }
        const rule = broken(world)
        if (rule !== null) return { states: seen.size, violation: { rule, steps: stepsTo(reached) }, ends }
        found.push(reached)
      }
    }
    level = found
  }
  return { states: seen.size, violation: null, ends }
}

interface Visit {
  readonly world: World
  readonly step: string
  readonly from: Visit | null
}

const stepsTo = (visit: Visit): ReadonlyArray<string> => {
  const steps: Array<string> = []
  for (let at: Visit | null = visit; at !== null; at = at.from) steps.unshift(at.step)
  return steps
}
