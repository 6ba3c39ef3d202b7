/** What a task does at the broker. `gtt_`: with a good-till-triggered order, which the broker keeps until a price is reached. */
export type Kind = "place" | "modify" | "cancel" | "gtt_place" | "gtt_modify" | "gtt_delete"

/**
 * True if doing it twice makes two orders or triggers. Any other kind names what it changes, so doing it twice in a row has the same result
 * as doing it once. If a newer modification came between, the second time would undo it, and the gate refuses it (`TaskGate.superseded`).
 */
export const makesNew = (kind: Kind): boolean => kind === "place" || kind === "gtt_place"

/**
 * PENDING: not sent yet. RUNNING: sent, or its outcome is being looked up. RETRYING: proven not done, to be sent again. UNKNOWN: parked,
 * because its outcome never became definite.
 */
export type Status = "PENDING" | "RUNNING" | "RETRYING" | "COMPLETED" | "DEAD_LETTER" | "CANCELLED" | "UNKNOWN"

/** What a task is to do. It never changes. */
export interface Intent {
  readonly kind: Kind
  /** Only a limit order may be sent again after an unknown outcome: any other could trade at any price. */
  readonly isLimit: boolean
  readonly unknown: "park" | "resend"
  readonly deadlineAtMs: number
}

export interface Attempt {
  readonly number: number
  /** A time before the attempt's row was saved, by the clock of the process that saved it. */
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  /** Null while no answer has come. */
  readonly outcome: "done" | "refused" | "unknown" | null
  readonly httpStatus: number | null
  readonly errorType: string | null
  readonly message: string | null
}

export interface Failure {
  readonly type: string
  readonly message: string
}

export const failureText = (error: Failure | null): string => (error === null ? "without a reason" : `${error.type}: ${error.message}`)

/**
 * A task as Postgres keeps it. A process saves it only if `revision` is the one it read and `epoch` is not above its own, in one statement;
 * it acts on the outputs of a decision only after that save.
 */
export interface Task {
  readonly intent: Intent
  readonly status: Status
  readonly revision: number
  /** Epoch of the last owner that wrote it; 0 before the first. */
  readonly epoch: number
  readonly attempts: ReadonlyArray<Attempt>
  /** For RETRYING: when it is sent again. */
  readonly dueAtMs: number | null
  /** The order's id; for a good-till-triggered order, the trigger's id. */
  readonly orderId: string | null
  readonly error: Failure | null
  /** For UNKNOWN: the start of the last reading of the order book that did not show the order. */
  readonly absentAtMs: number | null
}

export const make = (intent: Intent): Task => ({
  intent,
  status: "PENDING",
  revision: 0,
  epoch: 0,
  attempts: [],
  dueAtMs: null,
  orderId: null,
  error: null,
  absentAtMs: null
})

/** Nothing of such a task can be at the broker. */
export const isUnsent = ({ status }: Pick<Task, "status">): boolean => status === "PENDING" || status === "RETRYING"

export const hasEnded = (task: Pick<Task, "status">): boolean => !isUnsent(task) && task.status !== "RUNNING"
