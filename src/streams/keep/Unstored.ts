/** If a server answers but does not acknowledge a publish for this long, its store has a fault. */
export const faultAfterMs = 5_000
/** Publishes of one kind that NATS did not store. Times are this process's monotonic ms. */
interface Missed {
  readonly sinceMs: number
  lastMs: number
  /** The server's own words, if it refused. */
  reason: string | null
}

/** A kind of subject, such as `md.frame`, that NATS answers but does not store. */
export interface Fault {
  readonly kind: string
  readonly sinceMs: number
  readonly reason: string | null
}

/** The first two names of a subject. They decide the stream. */
const kindOf = (subject: string): string => {
  const end = subject.indexOf(".", subject.indexOf(".") + 1)
  return end === -1 ? subject : subject.slice(0, end)
}

/**
 * A process's publishes that NATS does not store. After an error of its disk nats-server answers every request except publishes to the
 * streams that met the error, until it is restarted. A server that does not answer at all is not counted as a fault of its store.
 */
export class Unstored {
  private readonly byKind = new Map<string, Missed>()
  /** Since when the server has answered every question; Infinity while it does not. */
  private answeringSinceMs = Number.POSITIVE_INFINITY
  private readonly keptMs: number

  /** A fault that did not occur again for `keptMs` is forgotten, because nothing is published there now. */
  constructor(keptMs: number) {
    this.keptMs = keptMs
  }

  /** A publish that was given at `sinceMs` is not acknowledged at `nowMs`, or was refused. */
  missed(subject: string, sinceMs: number, nowMs: number, reason: string | null = null): void {
    const kind = kindOf(subject)
    const known = this.byKind.get(kind)
    if (known === undefined || nowMs - known.lastMs > this.keptMs) this.byKind.set(kind, { sinceMs, lastMs: nowMs, reason })
    else {
      known.lastMs = nowMs
      known.reason = reason ?? known.reason
    }
  }

  /** A publish was stored. */
  stored(subject: string): void {
    if (this.byKind.size > 0) this.byKind.delete(kindOf(subject))
  }

  /** Forgets all faults when the connection is lost, because the next server may store. */
  clear(): void {
    this.byKind.clear()
    this.answeringSinceMs = Number.POSITIVE_INFINITY
  }

  /** Notes whether the server answered a question that was asked at `askedMs`. */
  answered(hasAnswered: boolean, askedMs: number): void {
    this.answeringSinceMs = hasAnswered ? Math.min(this.answeringSinceMs, askedMs) : Number.POSITIVE_INFINITY
  }

  faults(nowMs: number): ReadonlyArray<Fault> {
    return [...this.byKind].flatMap(([kind, { lastMs, reason, sinceMs }]) => {
      const fromMs = Math.max(sinceMs, this.answeringSinceMs)
      return lastMs - fromMs >= faultAfterMs && nowMs - lastMs <= this.keptMs ? [{ kind, sinceMs, reason }] : []
    })
  }
}
