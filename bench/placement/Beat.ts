/** A process's report every 100 ms: the actors that it runs, with their epochs. */
export interface Beat {
  readonly process: string
  /** Its own clock; all processes are on one machine. */
  readonly atMs: number
  readonly actors: ReadonlyArray<readonly [name: string, epoch: number]>
}

export const kind = "beat"
export const subject = "sys.beat"
export const everyMs = 100
