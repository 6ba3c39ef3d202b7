import * as FrameGuard from "../../domain/market/FrameGuard.ts"
import type * as FrameHeader from "../../domain/record/FrameHeader.ts"

/** The most subjects that are remembered. Beyond it the oldest one is forgotten. */
const subjectsMax = 4_096

export interface SubjectGuards {
  readonly isNew: (subject: string, header: FrameHeader.FrameHeader) => boolean
  readonly clear: () => void
}

/** Recognises frames that their publisher sent twice, subject by subject. */
export const make = (): SubjectGuards => {
  const guards = new Map<string, FrameGuard.State>()
  const guardOf = (subject: string): FrameGuard.State => {
    const known = guards.get(subject)
    if (known !== undefined) return known
    const oldest = guards.size >= subjectsMax ? guards.keys().next().value : undefined
    if (oldest !== undefined) guards.delete(oldest)
    const guard = FrameGuard.make()
    guards.set(subject, guard)
    return guard
  }
  return {
    isNew: (subject, header) => FrameGuard.accept(guardOf(subject), header) !== FrameGuard.dropped,
    clear: () => guards.clear()
  }
}
