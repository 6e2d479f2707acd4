/** The columns of the public contract, as `name type`, in their order. */
export const items = {
  metering_point:
    'mpan_core text, gsp_group text, distributor_mpid text, supplier_mpid text, supplier_efd date, market_segment text, data_service_mpid text, data_service_efd date, measurement_quantity text, domestic boolean, load_shape_category text, connection_type text, metering_service_mpid text, metering_service_efd date, line_loss_factor numeric, line_loss_factor_class text, opt_out boolean',
  appointment:
    'appointment_id bigint, mpan_core text, service_type text, mpid text, metering_service_efd date, metering_service_etd date, reason text, supplier_mpid text, supplier_efd date, supplier_etd date, meter_id text, contract_reference text',
  participant: 'mpid text, role text, name text, effective_from date, effective_to date, reference_version integer',
  distributor_gsp_group: 'prefix text, distributor_mpid text, gsp_group text, effective_from date, effective_to date',
  meter_asset:
    'device_id text, mpan_core text, serial_number text, device_type text, manufacturer text, model text, status text, installed_on date, removed_on date, removal_reason text, firmware_version text, firmware_status text, csp_region text, postcode text, uprn text, dcc_compliant boolean, dcc_approved boolean, map_mpid text, map_efd date, map_etd date',
} as const;
export const origin =
  'source text, generation integer, lsn bigint, ordinal integer, xid bigint, committed_at timestamptz, source_time timestamptz, applied_at timestamptz';
export const end = 'generation_to integer, lsn_to bigint, ordinal_to integer, xid_to bigint, superseded_at timestamptz';
export const rejectionAfterId =
  'mpan_core text, record_type text, flow integer, entity text, entity_key text, source text, generation integer, lsn bigint, ordinal integer, revision integer, rule_codes text[], details jsonb, reference_version integer, receiver text, status text, raised_at timestamptz, resolved_by_generation integer, resolved_by_lsn bigint, resolved_at timestamptz, acknowledged_by text, note text';
