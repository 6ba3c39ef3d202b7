import { type AgentOptions, Agent as HttpAgent } from "node:http"
import { Agent as HttpsAgent } from "node:https"

/**
 * A server closes connections that are idle, after 5 s by Node's default. A request that is written at that moment is reset, and nobody knows
 * whether it arrived. So a connection that was idle for this long is not used again.
 */
export const idleMsMax = 2_000

/** The method that Node calls for each request. Agent libraries override it, but Node's types lack it. */
interface Requested {
  addRequest: (...given: Array<unknown>) => void
}

const fresh = <A extends HttpAgent>(agent: A, nowMs: () => number): A => {
  const idleSinceMs = new WeakMap<object, number>()
  agent.on("free", (socket: object) => idleSinceMs.set(socket, nowMs()))
  // A timer would come too late on a busy machine, so the age is looked at before each request.
  const dropIdle = () => {
    for (const sockets of Object.values(agent.freeSockets))
      for (const socket of sockets ?? []) if (nowMs() - (idleSinceMs.get(socket) ?? 0) >= idleMsMax) socket.destroy()
  }
  const requested = agent as unknown as Requested
  const { addRequest } = requested
  requested.addRequest = (...given) => {
    dropIdle()
    addRequest.apply(agent, given)
  }
  return agent
}

/** Agents that keep connections alive, but never reuse one that was idle for long. */
export const make = (options: AgentOptions, nowMs: () => number = () => performance.now()) => ({
  httpAgent: fresh(new HttpAgent({ ...options, keepAlive: true }), nowMs),
  httpsAgent: fresh(new HttpsAgent({ ...options, keepAlive: true }), nowMs)
})
