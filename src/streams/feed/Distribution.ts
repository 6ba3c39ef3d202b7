import { Effect } from "effect"
import { nextTurn } from "../../loop/Turn.ts"
import type { Message } from "../JetStream.ts"
import * as Record from "../Record.ts"
import type { Gap } from "../reads/Arrivals.ts"
import { handOver, handOverAll, type Item, type Member, type Taken, taken } from "./Member.ts"
import type { Members } from "./Members.ts"
import { isTimely } from "./Timely.ts"

/**
 * The most frames that are held until a clock follows them. Only the clock releases outputs, and an actor folds several frames at once more
 * cheaply.
 */
const heldMax = 8
/** After this long a hand-over lets the event loop serve the sockets. Otherwise their data would wait for all actors. */
const turnMs = 5

/** Gives each message of the shared read to the members that want it. */
export class Distribution {
  private readonly members: Members
  /** False in a recording's market. */
  private readonly isReal: boolean
  private due: Array<Member> = []
  /** Members that are due and have no room. */
  private full: Array<Member> = []

  constructor(members: Members, isReal: boolean) {
    this.members = members
    this.isReal = isReal
  }

  /** Distributes what one socket chunk brought; false when some members could not take everything yet. */
  share(items: ReadonlyArray<Message | Gap>): boolean {
    for (const item of items) {
      if (item._tag === "Message") this.distribute(item)
      else this.distributeGap(item)
    }
    return this.handOverDue()
  }

  /** Hands over the rest. Meanwhile the read pauses, the sockets are served, and a member without room slows down all members. */
  readonly handOverRest: Effect.Effect<void> = Effect.suspend(() => {
    if (this.due.length > 0) return Effect.flatMap(nextTurn, () => (this.handOverDue() ? Effect.void : this.handOverRest))
    const waiting = this.full
    this.full = []
    return Effect.forEach(waiting, handOverAll, { discard: true })
  })

  /** Hands over items that were held since the last call. */
  handOverAged(): void {
    for (const member of this.members.all) {
      if (member.isAged) handOver(member)
      member.isAged = member.held.length > 0
    }
  }

  private hold(member: Member, item: Item, isDue: boolean): void {
    member.held.push(item)
    if (member.isDue || !(isDue || member.held.length >= heldMax)) return
    member.isDue = true
    this.due.push(member)
  }

  private distributeGap(gap: Gap): void {
    for (const member of this.members.all) {
      if (gap.recreated) member.joinedAt = gap.to // the sequences begin again
      if (gap.recreated || gap.to > member.joinedAt) this.hold(member, gap, true)
    }
  }

  /** Decodes a message once for all members, and not at all when no member wants it. */
  private distribute(message: Message): void {
    const kind = Record.kindOf(message.subject)
    let item: Taken | undefined
    for (const member of kind === "clock" ? this.members.all : this.members.of(message.subject)) {
      if (message.seq <= member.joinedAt) continue
      item ??= taken(message)
      if (!isTimely(item, this.isReal)) return
      this.hold(member, item, kind !== "frame")
    }
  }

  /** Hands over to due members for one turn; false when some are left. */
  private handOverDue(): boolean {
    const untilMs = performance.now() + turnMs
    let at = 0
    while (at < this.due.length && performance.now() < untilMs) {
      const member = this.due[at++] as Member
      if (!handOver(member)) this.full.push(member)
    }
    this.due = this.due.slice(at)
    return this.due.length === 0 && this.full.length === 0
  }
}
