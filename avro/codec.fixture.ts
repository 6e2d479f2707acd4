import type { DecodedEvent } from './envelope.ts';

/** An event of `metering-point` with every item set, as avsc takes and gives it. */
export function sampleMeteringPoint(changes: Readonly<Record<string, unknown>> = {}): DecodedEvent {
  return {
    recordType: 'update',
    senderId: 'REGS',
    createdAt: 1_711_843_200_123_456,
    correlationId: null,
    source: {
      name: 'registration',
      generation: 1,
      lsn: 0x16_b374_d848,
      ordinal: 3,
      xid: 4_294_967_999,
      committedAt: 1_711_843_200_000_001,
      sourceTime: 1_711_843_200_000_001,
    },
    mpan_core: '1312345678907',
    gsp_group: '_D',
    distributor_mpid: 'MANW',
    supplier_mpid: 'SUPA',
    supplier_efd: 19_813,
    market_segment: 'S',
    data_service_mpid: 'DSVA',
    data_service_efd: 19_813,
    measurement_quantity: 'AI',
    domestic: true,
    load_shape_category: 'S-D-W-AI',
    connection_type: 'W',
    metering_service_mpid: 'MSVA',
    metering_service_efd: 19_813,
    line_loss_factor: 1_045_000,
    line_loss_factor_class: '001',
    opt_out: false,
    invalid: {},
    unchanged: [],
    ...changes,
  };
}
