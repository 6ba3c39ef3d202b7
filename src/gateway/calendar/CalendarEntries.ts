import { Effect, Either } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import { isIdentity } from "../../domain/Ids.ts"
import * as Entries from "../../domain/rules/Entries.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { CalendarRepo, entriesMax, type Step } from "../../store/calendar/CalendarRepo.ts"
import * as Admin from "../shared/Admin.ts"
import { Changes } from "../shared/Changes.ts"
import { notFound } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

type Stored = ReadonlyArray<CalendarRepo.Stored>
type Plan<E> = Either.Either<ReadonlyArray<Step>, E>

const missing = () => notFound("Calendar entry")

/** An entry may override shipped rules, but not another entry: it would be unclear which of the two applies. */
const withoutClash = (stored: Stored, entry: Entries.Entry): Either.Either<Entries.Entry, Problem.Conflict> => {
  for (const other of stored) {
    const place = Entries.clash(other.entry, entry)
    if (place !== undefined)
      return Either.left(new Problem.Conflict({ detail: `Entry ${other.entryId} already decides ${place}: change that entry` }))
  }
  return Either.right(entry)
}

const withRoom = (count: number, steps: ReadonlyArray<Step>): Plan<Problem.Conflict> =>
  count > entriesMax
    ? Either.left(new Problem.Conflict({ detail: `The calendar has at most ${entriesMax} entries: delete some` }))
    : Either.right(steps)

const planToAdd =
  (entry: Entries.Entry) =>
  (stored: Stored): Plan<Problem.Conflict> =>
    Either.flatMap(withoutClash(stored, entry), () => withRoom(stored.length + 1, [{ action: "created", entry }]))

const planToChange =
  (entryId: number, entry: Entries.Entry) =>
  (stored: Stored): Plan<Problem.Conflict | Problem.NotFound> => {
    if (!stored.some((one) => one.entryId === entryId)) return Either.left(missing())
    const others = stored.filter((one) => one.entryId !== entryId)
    return Either.map(withoutClash(others, entry), () => [{ action: "changed", entryId, entry }])
  }

const planToRemove =
  (entryId: number) =>
  (stored: Stored): Plan<Problem.NotFound> => {
    const found = stored.find((one) => one.entryId === entryId)
    return found === undefined ? Either.left(missing()) : Either.right([{ action: "deleted", entryId, entry: found.entry }])
  }

/** Makes an import repeatable: equal entries stay, and a row of the same days and calendars replaces the old entry. */
const planToImport =
  (entries: ReadonlyArray<Entries.Entry>) =>
  (stored: Stored): Plan<Problem.Conflict> =>
    Either.gen(function* () {
      const steps: Array<Step> = []
      let held = stored
      for (const [at, entry] of entries.entries()) {
        if (held.some((one) => Entries.isSame(one.entry, entry))) continue
        const before = held.find((one) => Entries.isSamePlace(one.entry, entry))
        const entryId = before?.entryId ?? -at - 1
        held = [...held.filter((one) => one !== before)]
        yield* withoutClash(held, entry)
        held = [...held, { entryId, entry }]
        steps.push(before !== undefined && before.entryId > 0 ? { action: "changed", entryId, entry } : { action: "created", entry })
      }
      return yield* withRoom(held.length, steps)
    })

/** An administrator's entries: stored, applied in this process at once, and announced to every other process. */
export class CalendarEntries extends Effect.Service<CalendarEntries>()("gateway/calendar/CalendarEntries", {
  effect: Effect.gen(function* () {
    const repo = yield* CalendarRepo
    const rules = yield* RuleBook
    const changes = yield* Changes

    const read = (draft: Entries.Draft) =>
      Effect.mapError(Entries.read(rules.current(), draft), (problems) => Problem.invalidFields(problems))
    const readAll = (drafts: ReadonlyArray<Entries.Draft>) =>
      Effect.forEach(drafts, (draft, at) =>
        Effect.mapError(Entries.read(rules.current(), draft), (problems) =>
          Problem.invalidFields(problems.map(({ field, message }) => ({ field: `entries.${at}.${field}`, message })))
        )
      )

    const write = <E>(by: string, plan: (stored: Stored) => Plan<E>) =>
      Effect.gen(function* () {
        const ids = yield* orProblem(repo.write(by, plan))
        rules.replace(yield* orProblem(repo.current))
        if (ids.length > 0) {
          yield* Effect.logInfo("calendar entries changed").pipe(
            Effect.annotateLogs({ audit: "calendar", by, entries: ids.length, rules: rules.current().version })
          )
          yield* changes.poke("rules")
        }
        return ids
      })
    const writeOne = <E>(by: string, message: string, plan: (stored: Stored) => Plan<E>) =>
      Effect.map(write(by, plan), ([id = 0]) => ({ id, rules: rules.current().version, message }))

    return {
      add: (draft: Entries.Draft) =>
        Effect.gen(function* () {
          const { id } = yield* Admin.only
          const entry = yield* read(draft)
          return yield* writeOne(id, "Entry created", planToAdd(entry))
        }),
      change: (entryId: number, draft: Entries.Draft) =>
        Effect.gen(function* () {
          const { id } = yield* Admin.only
          if (!isIdentity(entryId)) return yield* missing()
          const entry = yield* read(draft)
          return yield* writeOne(id, "Entry changed", planToChange(entryId, entry))
        }),
      remove: (entryId: number) =>
        Effect.gen(function* () {
          const { id } = yield* Admin.only
          if (!isIdentity(entryId)) return yield* missing()
          return yield* writeOne(id, "Entry deleted", planToRemove(entryId))
        }),
      importAll: (drafts: ReadonlyArray<Entries.Draft>) =>
        Effect.gen(function* () {
          const { id } = yield* Admin.only
          const entries = yield* readAll(drafts)
          let steps: ReadonlyArray<Step> = []
          const plan = planToImport(entries)
          yield* write(id, (stored) => Either.map(plan(stored), (made) => (steps = made)))
          const changed = steps.filter(({ action }) => action === "changed").length
          return {
            created: steps.length - changed,
            changed,
            unchanged: entries.length - steps.length,
            rules: rules.current().version
          }
        }),
      changes: (page: { readonly limit: number; readonly offset: number }) =>
        Effect.gen(function* () {
          yield* Admin.only
          const { rows, total } = yield* orProblem(repo.changes(page))
          return { changes: rows.map(changeView), total, ...page }
        })
    } as const
  })
}) {}

const changeView = ({ version, entryId, action, entry, changedBy, changedAt }: CalendarRepo.Change) => ({
  version,
  id: entryId,
  action,
  entry: entry.entry,
  row: { ...entry.row },
  changed_by: changedBy,
  changed_at: changedAt.toISOString()
})
