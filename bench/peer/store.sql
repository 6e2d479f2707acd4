-- The peer's store: the 17 items and their key. Its sink can not make dates and numerics of this precision itself.
CREATE TABLE metering_point (
  mpan_core text PRIMARY KEY,
  gsp_group text,
  distributor_mpid text,
  supplier_mpid text,
  supplier_efd date,
  market_segment text,
  data_service_mpid text,
  data_service_efd date,
  measurement_quantity text,
  domestic boolean,
  load_shape_category text,
  connection_type text,
  metering_service_mpid text,
  metering_service_efd date,
  line_loss_factor numeric(12, 6),
  line_loss_factor_class text,
  opt_out boolean
);
