import { prepareKafka } from './connection.ts';
import { quiet } from './kafka.fixture.ts';
import { createSubscriber } from './subscriber.ts';

/** A member of a group in a process of its own, to be killed: `node killed-member.fixture.js BROKERS GROUP TOPIC`. */
const [, , brokers = '', groupId = '', topic = ''] = process.argv;
const connection = prepareKafka({ brokers: brokers.split(','), clientId: 'child' }, quiet);
// Longer than a busy machine needs for the whole test: the heir must not be let in by the end of this session.
await createSubscriber(connection, { groupId, topics: [topic], sessionTimeoutMs: 30_000 }).start({
  assigned: (lanes) => Promise.resolve(new Map(lanes.map((lane) => [lane, [0]]))),
  revoked: () => Promise.resolve(),
  batch: () => true,
  expectedOffset: () => 0,
  fault: () => process.exit(1),
});
process.send?.('joined');
// The timers of the subscriber do not keep a process alive by themselves.
setInterval(() => {}, 60_000);
