import { createConnection, createServer, type Socket } from "node:net"
import { Effect } from "effect"

/** The payload of one packet on an Ethernet link. */
const packetBytes = 1_460
/** TCP waits this long before it sends a lost packet again (RFC 6298 with Linux's minimum), and twice as long after each further loss. */
const resendMs = 200

/** What happens to the packets of every connection, in both directions. `lostShare` needs a random number per packet. */
export interface Weather {
  readonly latencyMs: number
  readonly lostShare: number
  /** A number from 0 up to 1; seed it, so that a run can be repeated. */
  readonly random: () => number
}
export const clear: Weather = { latencyMs: 0, lostShare: 0, random: () => 1 }

/** A repeatable source of numbers from 0 up to 1 (mulberry32). */
export const seeded = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * Passes the bytes of one direction on. A program above TCP sees a lost packet as a pause: the packet and all after it come when it was sent
 * again.
 */
const pump = (from: Socket, to: Socket, weather: () => Weather, count: (lost: number) => void) => {
  const waiting: Array<{ readonly bytes: Buffer; readonly dueMs: number }> = []
  let timer: NodeJS.Timeout | undefined
  let lastDueMs = 0
  let isClosed = false
  const pass = () => {
    timer = undefined
    const nowMs = performance.now()
    while (waiting[0] !== undefined && waiting[0].dueMs <= nowMs) to.write(waiting.shift()?.bytes ?? Buffer.alloc(0))
    if (waiting[0] !== undefined) timer = setTimeout(pass, waiting[0].dueMs - nowMs)
    else if (isClosed) to.end()
  }
  const delayMs = ({ latencyMs, lostShare, random }: Weather): number => {
    let resends = 0
    while (lostShare > 0 && random() < lostShare) resends++
    count(resends)
    return latencyMs + resendMs * (2 ** resends - 1)
  }
  from.on("data", (bytes: Buffer) => {
    const now = weather()
    if (now === clear && waiting.length === 0) {
      to.write(bytes)
      return
    }
    for (let at = 0; at < bytes.length; at += packetBytes) {
      lastDueMs = Math.max(lastDueMs, performance.now() + delayMs(now))
      waiting.push({ bytes: bytes.subarray(at, at + packetBytes), dueMs: lastDueMs })
    }
    timer ??= setTimeout(pass, 0)
  })
  from.on("error", () => to.destroy())
  from.on("close", () => {
    isClosed = true
    if (waiting.length === 0) to.destroy()
  })
  to.on("close", () => clearTimeout(timer))
}

/** A port in front of a server. A test can take the server away, mute it, slow it, lose packets, and bring it back. */
export const proxy = (target: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { hostname, port } = new URL(target)
      const sockets = new Set<Socket>()
      let frozen = false
      let weather = clear
      let accepted = 0
      let packetsLost = 0
      const server = createServer((near) => {
        accepted++
        const far = createConnection({ host: hostname, port: Number(port) })
        for (const [from, to] of [
          [near, far],
          [far, near]
        ] as const) {
          sockets.add(from)
          pump(
            from,
            to,
            () => weather,
            (lost) => {
              packetsLost += lost
            }
          )
          from.on("close", () => sockets.delete(from))
          if (frozen) from.pause()
        }
      })
      const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve))
      const cut = () => {
        for (const socket of sockets) socket.destroy()
      }
      await listen(0)
      const address = server.address()
      const own = typeof address === "object" && address !== null ? address.port : 0
      const url = new URL(target)
      url.hostname = "127.0.0.1"
      url.port = String(own)
      return {
        url: url.href,
        /** Connections so far, and those that are open now. */
        accepted: () => accepted,
        open: () => sockets.size / 2,
        packetsLost: () => packetsLost,
        /** Stops listening and cuts every connection. */
        stop: () =>
          new Promise<void>((resolve) => {
            server.close(() => resolve())
            cut()
          }),
        start: () => listen(own),
        /** Cuts every connection; new ones are accepted. */
        cut,
        /** Keeps the connections open, but passes nothing on. */
        freeze: () => {
          frozen = true
          for (const socket of sockets) socket.pause()
        },
        thaw: () => {
          frozen = false
          for (const socket of sockets) socket.resume()
        },
        /** From now on, for the connections that are open and for new ones. */
        under: (next: Weather) => {
          weather = next
        },
        dispose: () => {
          server.close()
          cut()
        }
      }
    }),
    (it) => Effect.sync(it.dispose)
  )
export type Proxy = Effect.Effect.Success<ReturnType<typeof proxy>>
