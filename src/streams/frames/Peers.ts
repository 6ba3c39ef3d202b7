import * as Metrics from "../Metrics.ts"

/** What one account of the process has not sent yet. */
export interface Peer {
  readonly account: string
  /** When its oldest packet that waits was received, UNIX ms; Infinity without one. */
  oldestMs(): number
  /** Sends what its window has room for. */
  flushAll(): number
}

/**
 * The accounts whose packets this process publishes. One account's clock closes the windows and bars of all accounts, so it leaves behind
 * every packet that any of them received before it.
 */
export class Peers {
  private readonly all = new Set<Peer>()
  private readonly waitMsMax: number

  /** `waitMsMax`: a clock never waits longer for another account's packets, which a stuck account would hold back for ever. */
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
