import type { Rule } from './contract.ts';
import { defineRule, finding, nothing } from './define.ts';
import { quoted } from './wording.ts';

const segmentConnection = defineRule({
  code: 'SEGMENT_CONNECTION',
  disposition: 'error',
  stage: 'record',
  items: ['market_segment', 'connection_type'],
  sentence: 'Segment U goes exactly with connection U, and the smart segment has no current transformer (L, H, E).',
  remedy: 'Correct the market segment or the connection type.',
  support: 'Assumption after the settlement reform’s market segments: smart is whole current, advanced has a CT.',
  on: {
    metering_point: ({ items }) => {
      const { market_segment: segment, connection_type: connection } = items;
      if (segment === null || connection === null) return nothing;
      const unmeteredFits = (segment === 'U') === (connection === 'U');
      const transformer = connection === 'L' || connection === 'H' || connection === 'E';
      if (unmeteredFits && !(segment === 'S' && transformer)) return nothing;
      return finding(
        'connection_type',
        `connection_type ${quoted(connection)} does not go with market_segment ${quoted(segment)}.`,
      );
    },
  },
});

const loadShape = defineRule({
  code: 'LOAD_SHAPE_INCONSISTENT',
  disposition: 'error',
  stage: 'record',
  items: ['load_shape_category', 'market_segment', 'domestic', 'connection_type', 'measurement_quantity'],
  sentence:
    'The load shape category, where given, is that of the record’s segment, domestic flag, connection and quantity.',
  remedy: 'Correct the load shape category, or the item from which it differs; NULL is allowed.',
  support: 'Assumption: no public list exists, the category is synthetic.',
  on: {
    metering_point: ({ items }) => {
      const { load_shape_category: category, market_segment: segment, domestic } = items;
      const { connection_type: connection, measurement_quantity: quantity } = items;
      if (category === null || segment === null || domestic === null) return nothing;
      if (connection === null || quantity === null) return nothing;
      const wanted = `${segment}-${domestic ? 'D' : 'N'}-${connection}-${quantity}`;
      if (category === wanted) return nothing;
      return finding(
        'load_shape_category',
        `load_shape_category is ${quoted(category)}; the record’s other items make it ${quoted(wanted)}.`,
      );
    },
  },
});

export const pointRecordRules: readonly Rule[] = [segmentConnection, loadShape];
