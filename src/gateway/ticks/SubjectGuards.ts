import { BoundedMap } from "../../domain/BoundedMap.ts"
import * as FrameGuard from "../../domain/market/FrameGuard.ts"
import type * as FrameHeader from "../../domain/record/FrameHeader.ts"

/** The maximum number of subjects that are remembered. Beyond it the oldest subject is forgotten. */
const subjectsMax = 4_096
/** A publisher resends a frame after two seconds. A frame that is still missing after this time counts as lost. */
export const settledAfterMs = 6_000
/** Holes of one subject that are watched. Beyond it the oldest is given up: its frames count as lost when they leave the window. */
const holesMax = 64

interface Hole extends FrameGuard.Gap {
  readonly seenAtMs: number
}

interface Guard {
  readonly state: FrameGuard.State
  readonly holes: Array<Hole>
  /** Lost frames that `newlyLost` has answered already. */
  reported: number
}

export interface SubjectGuards {
  readonly isNew: (subject: string, header: FrameHeader.FrameHeader) => boolean
  /** How many frames have turned out, since the last call, never to come: their publisher had numbered them, and the record lacks them. */
  readonly newlyLost: () => number
  readonly clear: () => void
}

const lostOf = ({ state, holes }: Guard, nowMs: number): number => {
  let lost = state.lost
  for (const hole of holes) if (nowMs - hole.seenAtMs >= settledAfterMs) lost += FrameGuard.openIn(state, hole)
  return lost
}

/** Detects frames that their publisher sent twice, and frames that never came, subject by subject. */
export const make = (): SubjectGuards => {
  const guards = new BoundedMap<string, Guard>(subjectsMax)
  const guardOf = (subject: string): Guard => {
    const known = guards.get(subject)
    if (known !== undefined) return known
    const guard: Guard = { state: FrameGuard.make(), holes: [], reported: 0 }
    guards.set(subject, guard)
    return guard
  }
  return {
    isNew: (subject, header) => {
      const { state, holes } = guardOf(subject)
      const skipped = FrameGuard.accept(state, header)
      if (skipped > 0) {
        holes.push({ ...FrameGuard.gapBefore(header, skipped), seenAtMs: performance.now() })
        if (holes.length > holesMax) holes.shift()
      }
      return skipped !== FrameGuard.dropped
    },
    newlyLost: () => {
      const nowMs = performance.now()
      let news = 0
      for (const guard of guards.values()) {
        if (guard.holes.length === 0 && guard.state.lost <= guard.reported) continue
        const lost = lostOf(guard, nowMs)
        news += Math.max(0, lost - guard.reported)
        guard.reported = Math.max(guard.reported, lost)
        // A hole that is closed needs no more looks.
        for (let at = guard.holes.length - 1; at >= 0; at--) {
          if (FrameGuard.openIn(guard.state, guard.holes[at] as Hole) === 0) guard.holes.splice(at, 1)
        }
      }
      return news
    },
    clear: () => guards.clear()
  }
}
