/** Why the server closed a WebSocket, and what the client should do. docs/api.md lists the same table. */
export interface CloseCode {
  readonly code: number
  readonly reason: string
}

/** The token expired: connect again with a new one. */
export const tokenExpired: CloseCode = { code: 4401, reason: "token expired" }
/** The client did not read fast enough and passed the hard limit of its buffer. */
export const tooSlow: CloseCode = { code: 4008, reason: "too slow" }
/** The client sent more messages ahead of the answers than its inbox holds. */
export const tooManyMessages: CloseCode = { code: 1008, reason: "too many messages" }
/** A bug of ours in handling a message: connect again. */
export const internalError: CloseCode = { code: 1011, reason: "internal error" }
/** The server restarts: connect again, perhaps to another instance. */
export const restarting: CloseCode = { code: 1012, reason: "restarting" }
