/** `tarang/client/nats`: reads Tarang's subjects over a NATS connection that the caller makes. */
export { type ListenOptions, latest, listen, type Received } from "../streams/Listen.ts"
export { DecodeError } from "../streams/Subject.ts"
export { Bars, Candle, ChainDelta, ChainKeyframe, Mark, Tick, UnderlyingState } from "../streams/Subjects.ts"
