/**
 * The WebSockets of the gateway, and what a client may ask for on each of them. Each also answers `ping`. The gateway runs no action that
 * is missing here. test/gateway/sockets/SocketRights.test.ts checks who may use each of them.
 */
export const actions = {
  "/ws/ticks": ["subscribe", "unsubscribe"],
  "/fo/stream": ["subscribe", "unsubscribe"],
  "/nifty-monitor/stream": ["subscribe", "unsubscribe"],
  "/strategies/stream": ["subscribe", "unsubscribe"],
  "/indicators/stream": ["subscribe", "unsubscribe"],
  "/indicators/stream/session": ["subscribe", "unsubscribe"],
  "/labels/stream": ["subscribe", "unsubscribe"],
  "/alerts/stream": ["subscribe", "unsubscribe"],
  "/orders/stream": ["subscribe", "unsubscribe"],
  "/replay": ["play", "pause", "resume", "speed", "seek", "stop"]
} as const satisfies Readonly<Record<string, ReadonlyArray<string>>>

export type Path = keyof typeof actions
export type ActionOf<P extends Path> = (typeof actions)[P][number]

/** True if clients of that WebSocket may ask for the action. */
export const isDeclared = (path: Path, name: string): boolean => (actions[path] as ReadonlyArray<string>).includes(name)
