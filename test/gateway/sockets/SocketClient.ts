import { Effect } from "effect"
import { Unpackr } from "msgpackr"
import WebSocket from "ws"
import { waitMsMax } from "../../Patience.ts"
import { World } from "../GatewayWorld.ts"

// biome-ignore lint/suspicious/noExplicitAny: a test looks into any message
export type Received = any

const messagePack = new Unpackr({ int64AsType: "number", mapsAsObjects: true })

/** A WebSocket client that stores its messages in order. */
export class Client {
  readonly socket: WebSocket
  readonly received: Array<Received> = []
  readonly closed: Promise<number>
  #taken = 0
  #wake: () => void = () => {}

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on("message", (data, isBinary) => {
      this.received.push(isBinary ? messagePack.unpack(data as Buffer) : JSON.parse(data.toString()))
      this.#wake()
    })
    this.closed = new Promise((resolve) => socket.once("close", resolve))
  }

  /** The next message that was not read yet. */
  get next(): Effect.Effect<Received> {
    return Effect.async<Received>((resume) => {
      const look = () => {
        const message = this.received[this.#taken]
        if (message === undefined) return
        this.#taken++
        this.#wake = () => {}
        resume(Effect.succeed(message))
      }
      this.#wake = look
      look()
    }).pipe(Effect.timeoutFail({ duration: waitMsMax, onTimeout: () => new Error("no message came") }), Effect.orDie)
  }

  /** The next message of that type; earlier ones are skipped. */
  nextOf(type: string): Effect.Effect<Received> {
    return Effect.repeat(this.next, { until: (message) => message.type === type })
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message))
  }

  /** Sends a message and returns the next one received. */
  ask(message: unknown): Effect.Effect<Received> {
    return Effect.zipRight(
      Effect.sync(() => this.send(message)),
      this.next
    )
  }

  /** All messages so far, after the server has answered one more, so that no other is on its way. */
  get settled(): Effect.Effect<ReadonlyArray<Received>> {
    return Effect.gen(this, function* () {
      this.send({ action: "ping" })
      yield* this.nextOf("pong")
      return this.received
    })
  }

  get closeCode(): Effect.Effect<number> {
    return Effect.promise(() => this.closed)
  }
}

export interface Dialed {
  /** 101, or the status of the refusal with its body. */
  readonly status: number
  readonly body: Received
  readonly headers: Readonly<Record<string, unknown>>
  readonly client: Client | undefined
}

/** The result of a handshake as a client sees it. The socket is cut with the scope. */
export const dial = (path: string, options: { readonly headers?: Record<string, string>; readonly protocols?: Array<string> } = {}) =>
  Effect.flatMap(World, ({ url }) =>
    Effect.acquireRelease(
      Effect.promise(
        () =>
          new Promise<Dialed>((resolve, reject) => {
            const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, options.protocols ?? [], { headers: options.headers ?? {} })
            const client = new Client(socket)
            socket.once("unexpected-response", (_, response) => {
              let body = ""
              response.on("data", (chunk) => (body += chunk))
              response.on("end", () =>
                resolve({
                  status: response.statusCode ?? 0,
                  body: body === "" ? "" : JSON.parse(body),
                  headers: response.headers,
                  client: undefined
                })
              )
            })
            socket.once("open", () => resolve({ status: 101, body: "", headers: {}, client }))
            socket.on("error", reject)
          })
      ),
      ({ client }) => Effect.sync(() => client?.socket.terminate())
    )
  )

/** An accepted client; its first message is not read yet. */
export const connect = (path: string, options: Parameters<typeof dial>[1] = {}) =>
  Effect.flatMap(dial(path, options), ({ client, status, body }) =>
    client === undefined ? Effect.dieMessage(`refused: ${status} ${JSON.stringify(body)}`) : Effect.succeed(client)
  )
