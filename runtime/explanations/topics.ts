import type { Explanation } from './explanation.ts';

/** Kafka, its topics, and the schema registry. */
export const topicExplanations: readonly Explanation[] = [
  {
    code: 'KAFKA_UNAVAILABLE',
    title: 'Kafka does not answer',
    meaning:
      'The brokers are down, elect a leader, are overloaded, or the network is interrupted. The source waits and PostgreSQL keeps the WAL meanwhile; nothing is lost.',
    remedy:
      'Start the brokers or mend the network; see that `kafka.brokers` names them. Watch the retained WAL while it lasts.',
  },
  {
    code: 'KAFKA_REFUSED',
    title: 'Kafka refuses us',
    meaning: 'User, password, SASL mechanism, certificate or an ACL is wrong; the text says at what.',
    remedy:
      'Correct `kafka.sasl` or `kafka.tls`. ACLs needed: read, write and describe on our topics and `concord-` groups, write on `concord-` transactional ids.',
  },
  {
    code: 'PUBLISHER_FENCED',
    title: 'Another instance publishes for this source',
    meaning:
      'Kafka accepts one publisher for a transactional id; a newer one took over, or our transaction timed out. Nothing is written twice. Two processes of a side that start at the same moment may do it to each other once; seconds later one of them publishes, and the other waits for the slot (`SLOT_IN_USE`).',
    remedy:
      'Nothing, if a process was just replaced or started. If it comes again and again, two instances publish for the same source from different databases, or slots: stop one.',
  },
  {
    code: 'PUBLISH_UNCONFIRMED',
    title: 'Kafka did not acknowledge all that was sent',
    meaning: 'The transaction is aborted, and sent again from the checkpoint. Nothing is lost and nothing is doubled.',
    remedy: 'Nothing, if it is rare. If it is frequent, look at the health of the brokers and the network.',
  },
  {
    code: 'TOPIC_MISSING',
    title: 'A topic or partition does not exist',
    meaning: 'It was never made, or somebody deleted it.',
    remedy:
      'Run `concord init` if it was never made. If it was deleted, its events are gone: see `concord explain TOPIC_MADE_ANEW` first.',
  },
  {
    code: 'TOPIC_DIFFERS',
    title: 'A topic is set up otherwise than the catalogue says',
    meaning: 'Its partitions, replication or retention differ; records may go earlier than a replay needs them.',
    remedy:
      'Look at `concord topics plan`, then run `concord topics apply`. What that refuses to do would lose data or order: see its text.',
  },
  {
    code: 'TOPIC_NOT_MADE',
    title: 'Kafka does not make or change a topic',
    meaning: 'The cluster refuses the number of replicas or partitions, or has a policy against it.',
    remedy: 'Correct `kafka.replicationFactor` (at most the number of brokers) or `kafka.partitions`, or the policy.',
  },
  {
    code: 'TOPIC_STALLED',
    title: 'A partition brings nothing although there is more',
    meaning: 'A fetch hangs: a broker does not answer, or a transaction of somebody stays open. Reading starts over.',
    remedy: 'Nothing, if it is rare. If it lasts, look at the broker that leads the partition.',
  },
  {
    code: 'TOPIC_DATA_EXPIRED',
    title: 'Records were deleted before they were read',
    meaning: 'The retention of the topic was shorter than our absence, so changes are missing in the store.',
    remedy:
      'Run `concord topics apply`, which sets the retention right. Then start the source anew under another `name` with an empty store: the initial load rebuilds it.',
  },
  {
    code: 'TOPIC_MADE_ANEW',
    title: 'A topic ends before what was applied from it',
    meaning: 'The topic was deleted and made anew, or Kafka lost its end, or another cluster is configured.',
    remedy:
      'See first that `kafka.brokers` is right. If the records are really gone, start the source anew under another `name` with an empty store.',
  },
  {
    code: 'CHECKPOINT_HIDDEN',
    title: 'The checkpoint is behind an open transaction',
    meaning: 'A producer that died, or another instance, has a transaction open on the progress topic.',
    remedy:
      'Wait: Kafka aborts it after its time-out, and the source goes on. If it lasts, look for a second instance.',
  },
  {
    code: 'RECORD_TOO_LARGE',
    title: 'A record is larger than its topic takes',
    meaning: 'A row of the source makes a record above `max.message.bytes`. The source waits at it.',
    remedy: 'Raise max.message.bytes of the topic (kafka-configs). The source tries again by itself.',
  },
  {
    code: 'RECORD_BATCH_UNREADABLE',
    title: 'Bytes of a topic are not a record batch',
    meaning: 'What Kafka delivered does not match its own checksum or layout: a broken disk, or a program in between.',
    remedy: "Look at the broker's log and disks. The partition waits at this offset; nothing is skipped.",
  },
  {
    code: 'LANES_UNEQUAL',
    title: 'Topics of a source have different numbers of partitions',
    meaning: 'Partition i of each topic forms lane i, so the numbers must be the same.',
    remedy: 'Look at `concord topics plan`. Topics without records can be deleted and made again with `concord init`.',
  },
  {
    code: 'REGISTRY_UNAVAILABLE',
    title: 'The schema registry does not answer',
    meaning: 'It is down or overloaded, or the network is interrupted. No record is skipped for that.',
    remedy: 'Start it or mend the network. Concord tries again by itself.',
  },
  {
    code: 'REGISTRY_REFUSED',
    title: 'The schema registry refuses us',
    meaning: 'User, password or certificate is wrong, or the user may not read or register schemas.',
    remedy: 'Correct `registry.basicAuth` or `registry.tls`, or grant the user what it lacks.',
  },
  {
    code: 'REGISTRY_ERROR',
    title: 'The schema registry answers with what we do not understand',
    meaning: 'Most often `registry.url` is not the Confluent-compatible base URL, or something else listens there.',
    remedy: 'Correct `registry.url`; for Apicurio it ends in /apis/ccompat/v7.',
  },
  {
    code: 'REGISTRY_INCOMPATIBLE',
    title: 'A schema is in conflict with a registered one',
    meaning: 'Readers of old records, or old readers of new ones, would fail. The text names the item.',
    remedy: 'Add items with a default and leave the others as they are; `concord schemas diff` shows the differences.',
  },
  {
    code: 'REGISTRY_EMPTY',
    title: 'The schema registry has lost its content',
    meaning: 'It has none of our subjects, so no record can be decoded. Nothing is skipped: the sink waits.',
    remedy: 'Restore the registry from its backup, or correct `registry.url` if it is the wrong one.',
  },
  {
    code: 'SUBJECT_DIFFERS',
    title: 'A subject has another compatibility than FULL_TRANSITIVE',
    meaning: 'Somebody could register a schema that old readers, or readers of old records, can not read.',
    remedy: 'Run `concord topics apply`, which sets it.',
  },
  {
    code: 'SCHEMA_NOT_REGISTERED',
    title: 'A schema is not registered',
    meaning: 'The source writes only with ids that the registry has given.',
    remedy: 'Run `concord init`, which registers it.',
  },
];
