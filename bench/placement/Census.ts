/** Which process ran which actor when, from the processes' reports. */
import * as Beat from "./Beat.ts"

/** A beat of an actor. */
interface Seen {
  readonly process: string
  readonly atMs: number
  readonly epoch: number
}
/** A process without a report for this long is not counted. */
const presentMs = 10 * Beat.everyMs

export const make = () => {
  /** By actor, its beats in the order of their times. */
  const beats = new Map<string, Array<Seen>>()
  const newest = new Map<string, { readonly atMs: number; readonly count: number }>()
  let movedMs = 0

  const take = ({ actors, atMs, process }: Beat.Beat): void => {
    newest.set(process, { atMs, count: actors.length })
    for (const [name, epoch] of actors) {
      const of = beats.get(name) ?? []
      beats.set(name, of)
      if (of.at(-1)?.process !== process) movedMs = Date.now()
      let at = of.length
      while (at > 0 && (of[at - 1]?.atMs ?? 0) > atMs) at--
      of.splice(at, 0, { process, atMs, epoch })
    }
  }
  const last = (name: string): Seen | undefined => beats.get(name)?.at(-1)
  /** The beats since a time, and the one before it. */
  const since = (name: string, fromMs: number): ReadonlyArray<Seen> => {
    const of = beats.get(name) ?? []
    const at = of.findIndex((one) => one.atMs >= fromMs)
    return at < 0 ? of.slice(-1) : of.slice(Math.max(0, at - 1))
  }
  return {
    take,
    names: (): ReadonlyArray<string> => [...beats.keys()],
    processes: (): ReadonlyArray<string> => [...newest.keys()],
    /** The number of actors of each process that reported lately and runs any. */
    shares: (nowMs: number): ReadonlyMap<string, number> =>
      new Map(
        [...newest].flatMap(([process, { atMs, count }]) => (nowMs - atMs < presentMs && count > 0 ? [[process, count] as const] : []))
      ),
    /** The time since an actor last moved to another process. */
    quietMs: (nowMs: number): number => nowMs - movedMs,
    /** The actors of a process, with their epochs. */
    holdings: (process: string): ReadonlyMap<string, number> =>
      new Map([...beats.keys()].flatMap((name) => (last(name)?.process === process ? [[name, last(name)?.epoch ?? 0] as const] : []))),
    holder: (name: string): string | undefined => last(name)?.process,
    epoch: (name: string): number => last(name)?.epoch ?? 0,
    /** The longest time between two beats of an actor, counted from its last beat before `fromMs`. */
    silenceMs: (name: string, fromMs: number): number => {
      const of = since(name, fromMs)
      return of.reduce((longest, one, at) => (at === 0 ? 0 : Math.max(longest, one.atMs - (of[at - 1]?.atMs ?? 0))), 0)
    },
    /** The number of beats with an older epoch after a newer one, of all actors, since `fromMs`. */
    doubles: (fromMs: number): number => {
      let count = 0
      for (const name of beats.keys()) {
        let newestEpoch = 0
        for (const { epoch } of since(name, fromMs)) {
          if (epoch < newestEpoch) count++
          newestEpoch = Math.max(newestEpoch, epoch)
        }
      }
      return count
    }
  } as const
}
export type Census = ReturnType<typeof make>
