import type { Explanation } from './explanation.ts';

/** From the topics into a store. */
export const sinkExplanations: readonly Explanation[] = [
  {
    code: 'EVENT_UNREADABLE',
    title: 'A record can not be decoded',
    meaning:
      'It went to the dead letter topic and the dead_letter table with the reason, and its partition went on. The event is not in the store.',
    remedy:
      '`concord dead-letters show LETTER` says which schema it names and which field can not be read. Mend the cause (the producer, or the registry); `concord dead-letters redrive` then has the source read again what the record was about.',
  },
  {
    code: 'VALUE_NOT_SENT',
    title: 'An event waits for a large value that the source did not send',
    meaning:
      'PostgreSQL does not send a large value again that an update left alone, and the store has no earlier row to take it from: the key is new, or the table is still being loaded. The event is held, so that the store never says NULL for a value that is there.',
    remedy:
      'Nothing, as a rule: the source reads the row again by itself, and the read takes the place of the held event. If it stays, `concord snapshot TABLE` shows whether the job is paused or failed; `concord snapshot TABLE --keys F` asks for it again.',
  },
  {
    code: 'MIRROR_TABLE_MISSING',
    title: 'The store lacks the table of a mirrored table, or columns of it',
    meaning:
      'A table is mirrored (`kind: mirror`) for which the store has not been prepared. The sink applies nothing until it is; what it missed waits on the topics.',
    remedy: 'Run `concord init`, which makes the table in the schema `mirror`. Nothing is lost.',
  },
  {
    code: 'SCHEMA_NOT_FETCHED',
    title: "A writer's schema was forgotten before its record was read",
    meaning: 'An internal cache was too small for the moment. Nothing is lost.',
    remedy: 'Nothing: the sink starts over and fetches it again.',
  },
  {
    code: 'LANE_TAKEN_OVER',
    title: 'Another instance has the lane',
    meaning:
      'The position in the store is not the one that this instance left, so another one wrote since. This one wrote nothing and starts over.',
    remedy:
      'Nothing, if a process was just replaced. If it comes again and again, two sinks with different Kafka clusters or group names write one store: stop one.',
  },
  {
    code: 'STORE_CHANGED_BESIDE',
    title: 'A row was changed by somebody else in the middle of a batch',
    meaning:
      'Between reading a row and writing it, another session has changed or removed it. The batch was rolled back as a whole, and is judged again on what is there now.',
    remedy:
      'Nothing, if it was a single repair by hand. If it comes again and again, something else writes into the tables of the schema metering: find it in pg_stat_activity and stop it.',
  },
  {
    code: 'POOL_TOO_SMALL',
    title: 'There are fewer database connections than lanes',
    meaning: 'Each lane keeps one connection of the pool.',
    remedy: 'This is set by the program from `kafka.partitions`; please report it as a bug.',
  },
  {
    code: 'OFFSET_OUT_OF_REACH',
    title: 'The next record to apply is gone',
    meaning: 'Records were removed from the topic before they were applied, so changes are missing in the store.',
    remedy:
      'Run `concord topics apply`, which sets the retention right. Then start the source anew under another `name` with an empty store.',
  },
  {
    code: 'EVENT_BEHIND_WATERMARK',
    title: 'An event came after its source said that there is none',
    meaning:
      'A progress record promised that everything up to a position was there, and it was not. Somebody else writes these topics, or they were restored in part.',
    remedy:
      'Look who may write the topics of this source. Nothing further is applied until that is clear; then start the source anew under another `name` with an empty store.',
  },
  {
    code: 'PROGRESS_BEHIND_STORE',
    title: 'The store knows more than the topics',
    meaning:
      'The store has changes beyond the last progress record: topics were lost, made anew, or are those of another cluster.',
    remedy:
      'See first that `kafka.brokers` and the name of the source are right. If the topics are really lost, start the source anew under another `name` with an empty store.',
  },
  {
    code: 'PROGRESS_UNREADABLE',
    title: 'A progress record can not be read',
    meaning: 'Without it nobody knows what is complete, so nothing is applied.',
    remedy: 'Look who wrote it: only the source may write its progress topic. See the log for the reason.',
  },
];
