import type { Since } from "../contract/sockets/SocketMessages.ts"

const plain = ({ epoch, seq, row }: Since): Since => (row === undefined ? { epoch, seq } : { epoch, seq, row })

/**
 * -1 if `next` is before `place`, 0 if it is the same, 1 if it is after it or in another stream. A sequence without row means all its
 * rows.
 */
const compare = (next: Since, place: Since): number => {
  if (next.epoch !== place.epoch) return 1
  if (next.seq !== place.seq) return Math.sign(next.seq - place.seq)
  return place.row === undefined ? 0 : Math.sign((next.row ?? Number.MAX_SAFE_INTEGER) - place.row)
}

/** For a stream whose events are all in one order: one place describes the progress, and no event is delivered twice. */
export const ordered = () => {
  let place: Since | undefined
  /** Remembers the place. Returns false for an event at or before the last place. */
  const accept = (next: Since): boolean => {
    if (place !== undefined && compare(next, place) <= 0) return false
    place = plain(next)
    return true
  }
  return {
    accept,
    /** Sets the place from which the stream continues, whatever the last one was. */
    reset: (next: Since): void => {
      place = plain(next)
    },
    since: (): Since | undefined => place
  }
}

/** For states that each have a separate place. */
export const keyed = <Key>() => {
  const places = new Map<Key, Since>()
  const aheadOf = (key: Key, next: Since): number => {
    const place = places.get(key)
    return place === undefined ? 1 : compare(next, place)
  }
  const set = (key: Key, next: Since): void => void places.set(key, plain(next))
  return {
    /** Accepts a change or a whole state only if it is newer than the last one. */
    acceptNew: (key: Key, next: Since): boolean => {
      const isNew = aheadOf(key, next) > 0
      if (isNew) set(key, next)
      return isNew
    },
    /** Accepts a change of a state that is not older than the last one; it may be repeated. */
    acceptChange: (key: Key, next: Since): boolean => {
      const isOld = aheadOf(key, next) < 0
      if (!isOld) set(key, next)
      return !isOld
    },
    /** Accepts a whole state and starts over from its place. */
    reset: set,
    since: (key: Key): Since | undefined => places.get(key),
    forget: (key: Key): void => void places.delete(key)
  }
}
