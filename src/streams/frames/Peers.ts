import * as Metrics from "../Metrics.ts"

/** What one account of the process has not sent yet. */
export interface Peer {
  readonly account: string
  /** When its oldest waiting packet was received, UNIX ms; Infinity if none waits. */
  oldestMs(): number
  /** Sends waiting frames until its window is full. */
  flushAll(): number
}

/**
 * The accounts whose packets this process publishes. One account's clock closes the windows and bars of all accounts, so it leaves behind
 * every packet that any of them received before it.
 */
export class Peers {
  private readonly all = new Set<Peer>()
  private readonly waitMsMax: number

  /** `waitMsMax`: the longest wait of a clock for another account's packets, because a stuck account would hold the clock back for ever. */
  constructor(waitMsMax: number) {
    this.waitMsMax = waitMsMax
  }

  add(peer: Peer): void {
    this.all.add(peer)
  }

  remove(peer: Peer): void {
    this.all.delete(peer)
  }

  /** Sends what the other accounts have received, as far as their windows have room. */
  flushOthers(of: Peer): void {
    for (const peer of this.all) if (peer !== of) peer.flushAll()
  }

  /** Whether an account's clock of `atMs`, which has waited for `waitedMs`, may leave now. */
  mayPass(of: Peer, atMs: number, waitedMs: number): boolean {
    for (const peer of this.all) {
      if (peer === of || peer.oldestMs() >= atMs) continue
      if (waitedMs < this.waitMsMax) return false
      Metrics.clocksAhead(of.account)
    }
    return true
  }
}
