import * as Subjects from "../Subjects.ts"
import type { Member } from "./Member.ts"

/**
 * With more subjects than this, the read takes all messages: a longer list of filters costs the server more than skipping messages here.
 */
const filtersMax = 64

/** Clocks, interruptions and definitions are always read: they are few. */
export const always: ReadonlyArray<string> = [
  Subjects.Clock.filter(),
  Subjects.Break.filter(),
  Subjects.MarketReference.filter(),
  Subjects.StrategyDefinition.filter()
]

/** A member that wants this subject gets the definitions of all strategies. */
export const everyStrategy = Subjects.StrategyDefinition.filter()

/** True if a member that wants these subjects gets a message of that subject. */
export const wants = (subjects: ReadonlySet<string>, subject: string): boolean =>
  subjects.has(subject) || (subjects.has(everyStrategy) && Subjects.StrategyDefinition.match(subject) !== undefined)

const nobody: ReadonlySet<Member> = new Set()

/** The actors that share this process's read, and the filters that the read needs for them. */
export class Members {
  readonly all = new Set<Member>()
  private readonly bySubject = new Map<string, Set<Member>>()

  /** Filters of the shared read; an empty list reads every subject. */
  filters(): ReadonlyArray<string> {
    const frames = new Set([...this.all].flatMap((member) => [...member.frames]))
    return frames.size > filtersMax ? [] : [...always, ...frames].sort()
  }

  of(subject: string): ReadonlySet<Member> {
    const own = this.bySubject.get(subject) ?? nobody
    const all = this.bySubject.get(everyStrategy)
    if (all === undefined || Subjects.StrategyDefinition.match(subject) === undefined) return own
    return own.size === 0 ? all : new Set([...all, ...own])
  }

  add(member: Member): void {
    this.all.add(member)
    for (const subject of member.subjects) {
      const known = this.bySubject.get(subject)
      if (known === undefined) this.bySubject.set(subject, new Set([member]))
      else known.add(member)
    }
  }

  /** Returns false for a member that never joined. */
  remove(member: Member): boolean {
    if (!this.all.delete(member)) return false
    for (const subject of member.subjects) {
      const known = this.bySubject.get(subject)
      known?.delete(member)
      if (known?.size === 0) this.bySubject.delete(subject)
    }
    return true
  }
}
