import { type ConnectionOptions, connect, type NatsConnection } from "nats"
import { waitMsMax } from "./Patience.ts"

/**
 * A plain client for a test. It outlives an outage of any length, and a busy server may answer its requests to JetStream late: the library's
 * own limits are ten attempts and five seconds.
 */
export const patientClient = async (options: ConnectionOptions): Promise<NatsConnection> => {
  const nc = await connect({ timeout: waitMsMax, maxReconnectAttempts: -1, ...options })
  const jetstream = nc.jetstream.bind(nc)
  const jetstreamManager = nc.jetstreamManager.bind(nc)
  return Object.assign(nc, {
    jetstream: (more?: Parameters<typeof jetstream>[0]) => jetstream({ timeout: waitMsMax, ...more }),
    jetstreamManager: (more?: Parameters<typeof jetstreamManager>[0]) => jetstreamManager({ timeout: waitMsMax, ...more })
  })
}
