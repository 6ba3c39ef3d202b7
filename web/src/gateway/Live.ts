import type { Client, StateChange, Stream, StreamOptions, UnreadableMessage } from "../../../src/client/Client.ts"

export interface Options {
  readonly client: Client
  readonly onState: (state: StateChange["state"]) => void
  /** Called if the handshake was refused or the token expired. A browser cannot tell which, so ask REST. */
  readonly onRefused: () => void
  /** Called if this page cannot read a message, because the gateway has another version. */
  readonly onUnreadable: () => void
}

type Own = StateChange | UnreadableMessage

/** A stream of the client that also reconnects at once when the network or the tab is back. */
export const open = <Item, E extends { readonly type: string }>(
  make: (options: StreamOptions<Item, E | Own>) => Stream<Item, E | Own>,
  { onState, onRefused, onUnreadable }: Omit<Options, "client">,
  onEvent: (event: E | Own) => void
): Stream<Item, E | Own> => {
  const stream = make({
    check: "first",
    onEvent: (event) => {
      if ("state" in event) {
        onState(event.state)
        if (event.state === "waiting" && event.isRefused) onRefused()
      } else if (event.type === "unreadable") onUnreadable()
      else onEvent(event)
    }
  })
  const wake = (): void => {
    if (!document.hidden) stream.wake()
  }
  addEventListener("online", wake)
  document.addEventListener("visibilitychange", wake)
  return {
    ...stream,
    close: () => {
      removeEventListener("online", wake)
      document.removeEventListener("visibilitychange", wake)
      stream.close()
    }
  }
}
