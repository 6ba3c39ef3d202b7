import { Effect, type Scope } from "effect"
import { catchUp } from "./feed/CatchUp.ts"
import { Distribution } from "./feed/Distribution.ts"
import type { Item, Member } from "./feed/Member.ts"
import { Members } from "./feed/Members.ts"
import * as HandOver from "./HandOver.ts"
import { JetStream, type NatsError } from "./JetStream.ts"
import { configuredMode } from "./MarketClock.ts"
import * as OrderedRead from "./OrderedRead.ts"
import * as Record from "./Record.ts"

export type { Item, Taken } from "./feed/Member.ts"

/** Items that may wait at one actor before the process's shared read pauses. */
const bufferMax = 2_000
/** A held frame waits for at most twice this time. While a ticker runs, a clock arrives every 100 ms and releases it earlier. */
const heldCheckMs = 150

/** The items of one actor, in the record's order. It fails when the past cannot be read. */
export type Subscription = Pick<HandOver.HandOver<Item, NatsError>, "takeWhile" | "takeAll">

export interface Wanted {
  readonly frames: ReadonlyArray<string>
  /** Subjects of the definitions of instruments and strategies. */
  readonly definitions: ReadonlyArray<string>
  readonly afterSeq: number
}

const makeMember = ({ frames, definitions }: Wanted): Effect.Effect<Member> =>
  Effect.map(Effect.makeLatch(), (live) => ({
    frames: new Set(frames),
    subjects: new Set([...frames, ...definitions]),
    out: HandOver.make<Item, NatsError>(bufferMax),
    live,
    isLive: false,
    joinedAt: Number.POSITIVE_INFINITY,
    held: [],
    isDue: false,
    isAged: false
  }))

/**
 * One ordered read of the record per process, shared by all its actors. An actor over several underlyings therefore sees the same total
 * order live and in replay. An actor that starts behind reads its own past first and then joins, without a gap or a duplicate.
 */
export class FrameFeed extends Effect.Service<FrameFeed>()("streams/FrameFeed", {
  scoped: Effect.gen(function* () {
    const jetStream = yield* JetStream
    const isReal = (yield* configuredMode) === "real"
    const members = new Members()
    const distribution = new Distribution(members, isReal)
    let current = members.filters()
    const shared = yield* OrderedRead.make({ stream: Record.stream, filters: current, start: { _tag: "New" } })
    const refilter = () => {
      const next = members.filters()
      if (next.length === current.length && next.every((filter, at) => filter === current[at])) return
      current = next
      shared.refilter(next)
    }
    yield* shared
      .takeWhile((items) => distribution.share(items))
      .pipe(Effect.zipRight(distribution.handOverRest), Effect.forever, Effect.forkScoped)
    yield* Effect.sync(() => distribution.handOverAged()).pipe(Effect.delay(heldCheckMs), Effect.forever, Effect.forkScoped)

    /** Adds the member to the shared read. The member gets what comes after the newest message that this read has already read. */
    const join = (member: Member) => (position: number) => {
      members.add(member)
      refilter()
      member.joinedAt = Math.max(shared.lastSeq(), position)
      return member.joinedAt
    }
    const leave = (member: Member) => {
      if (members.remove(member)) refilter()
      member.out.end(Effect.interrupt)
    }

    /** Delivers all messages of the wanted subjects and all clocks behind `afterSeq`, in order. */
    const subscribe = (wanted: Wanted): Effect.Effect<Subscription, never, Scope.Scope> =>
      Effect.gen(function* () {
        const member = yield* makeMember(wanted)
        yield* Effect.addFinalizer(() => Effect.sync(() => leave(member)))
        yield* catchUp(member, wanted.afterSeq, isReal, join(member)).pipe(
          Effect.provideService(JetStream, jetStream),
          Effect.catchAllCause((cause) => Effect.sync(() => member.out.end(Effect.failCause(cause)))),
          // This runs after a failure too, because the other members must not wait for this one.
          Effect.ensuring(
            Effect.suspend(() => {
              member.isLive = true
              return member.live.open
            })
          ),
          Effect.forkScoped
        )
        return member.out
      })

    return { subscribe, lastSeq: shared.lastSeq } as const
  })
}) {}
